#include "exposure.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/job/job.h"
#include "sallyport/policy/policy.h"

#define MEDIUM_FROM 20
#define HIGH_FROM   50
#define HOUR_MS     (60u * 60 * 1000)

static void add(struct exposure *exposure, const char *what, unsigned points, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add(struct exposure *exposure, const char *what, unsigned points, const char *format, ...)
{
    va_list args;
    exposure->score += points;
    if (exposure->count == EXPOSURE_FINDINGS_MAX)
        return; /* the points count all the same */
    struct finding *finding = &exposure->findings[exposure->count++];
    finding->what = what;
    finding->points = points;
    va_start(args, format);
    vsnprintf(finding->why, sizeof finding->why, format, args);
    va_end(args);
}

/* --- where the job stands -------------------------------------------------------------------------------------------------- */

static void measure_user(const struct policy *policy, const struct command *command, struct exposure *exposure)
{
    if (command->account == ACCOUNT_NONE)
        return;
    const struct account *account = &policy->accounts[command->account];
    add(exposure, "user", 10,
        "runs as the account '%s': its files and processes are within reach, and its jobs share one id", account->name);
}

/* Whether path is a directory or in it. */
static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_any_of(const char *path, const char *const *list)
{
    for (; *list != NULL; list++)
        if (is_below(path, *list))
            return true;
    return false;
}

static void measure_bind(const struct bind *bind, struct exposure *exposure)
{
    static const char *const managers[] = { "docker.sock", "containerd.sock", "podman.sock", "crio.sock",
                                            "libvirt-sock" };
    static const char *const system[] = { "/etc",  "/usr",  "/bin",     "/sbin", "/lib", "/lib64",
                                          "/boot", "/root", "/var/lib", "/opt",  NULL };
    static const char *const private[] = { "/etc", "/root", "/home", "/var/lib", "/var/log", "/boot", NULL };
    for (size_t i = 0; i < sizeof managers / sizeof managers[0]; i++) {
        if (strstr(bind->path, managers[i]) != NULL) {
            add(exposure, "bind", 60, "sees %s: who can speak to that is root on the host", bind->path);
            return;
        }
    }
    if (is_any_of(bind->path, bind->is_writable ? system : private))
        add(exposure, bind->is_writable ? "write" : "bind", bind->is_writable ? 30 : 10,
            "%s %s, a directory of the system", bind->is_writable ? "may write" : "sees", bind->path);
    else if (bind->is_writable)
        add(exposure, "write", 10, "may write %s: what it leaves there outlives it, and others may use it", bind->path);
}

static void measure_walls(const struct policy *policy, const struct command *command, struct exposure *exposure)
{
    static const struct {
        const char *name;
        unsigned points;
        const char *why;
    } profiles[] = {
        { "base", 4, "profile base: children, files and UNIX sockets" },
        { "net", 8, "profile net: sockets of the internet, too" },
        { "build", 12, "profile build: memory that is written and then run, and the most system calls" },
    };
    const struct root *root = &policy->roots[command->root];
    if (command->has_host_network)
        add(exposure, "network", 25,
            "network: host: it reaches what the host reaches, services on loopback and the cloud's metadata among it");
    for (uint32_t i = 0; i < root->bind_count; i++)
        measure_bind(&root->binds[i], exposure);
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++)
        if (strcmp(policy->filters[command->filter].name, profiles[i].name) == 0)
            add(exposure, "profile", profiles[i].points, "%s", profiles[i].why);
    for (unsigned i = 0; i < DEGRADE_COUNT; i++)
        if ((command->degrade & 1u << i) != 0)
            add(exposure, "degrade", 10, "degrade: runs without %s where the host has it not", job_degrade_text(i));
}

/* --- what is run ----------------------------------------------------------------------------------------------------------- */

static const char *program_name(const struct command *command)
{
    const char *path = command->argument_count > 0 && command->arguments[0].piece_count > 0
                           ? command->arguments[0].pieces[0].literal
                           : NULL;
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    return slash != NULL ? slash + 1 : "";
}

/* "bash", and "python3.11" for "python3". */
static bool is_program(const char *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        size_t length = strlen(*list);
        if (strncmp(name, *list, length) == 0 && strspn(name + length, "0123456789.") == strlen(name + length))
            return true;
    }
    return false;
}

/* Numbers and what the owner listed are harmless in a program's text; other values are the caller's program. */
static bool takes_text(const struct command *command, const struct template *argument)
{
    for (uint32_t i = 0; i < argument->piece_count; i++) {
        const struct template_piece *piece = &argument->pieces[i];
        enum param_type type = piece->literal == NULL ? command->params[piece->param].rule.type : PARAM_NONE;
        if (type == PARAM_STRING || type == PARAM_LIST)
            return true;
    }
    return false;
}

/* The argument that is the program text: the one behind -c, -e or their kin; NULL without one. */
static const struct template *script_of(const struct command *command)
{
    for (uint32_t i = 1; i + 1 < command->argument_count; i++) {
        const struct template *option = &command->arguments[i];
        const char *text = option->piece_count == 1 ? option->pieces[0].literal : NULL;
        if (text == NULL || text[0] != '-' || text[1] == '-')
            return NULL;
        if (strpbrk(text, "ce") != NULL)
            return &command->arguments[i + 1];
    }
    return NULL;
}

static void measure_program(const struct command *command, struct exposure *exposure)
{
    static const char *const shells[] = { "sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "busybox", NULL };
    static const char *const interpreters[] = { "python", "perl", "ruby", "node", "php", "lua",
                                                "tclsh",  "awk",  "gawk", "mawk", NULL };
    static const char *const starters[] = { "env",    "xargs",   "sudo",   "su",   "find", "ssh",
                                            "docker", "nsenter", "chroot", "make", NULL };
    const char *name = program_name(command);
    bool is_shell = is_program(name, shells);
    if (is_program(name, starters))
        add(exposure, "starter", 10, "runs %s, which runs whatever its arguments say", name);
    if (!is_shell && !is_program(name, interpreters))
        return;
    const struct template *script = script_of(command);
    if (script != NULL && takes_text(command, script))
        add(exposure, "script", 60, "a parameter becomes part of the text that %s runs: who chooses it runs anything",
            name);
    else if (is_shell)
        add(exposure, "shell", 10, "runs a shell: what its script does not quote, a parameter decides");
    else
        add(exposure, "interpreter", 5, "runs %s, which can do anything that its script has read", name);
}

/* --- what callers choose --------------------------------------------------------------------------------------------------- */

static void measure_param(const struct param *param, struct exposure *exposure)
{
    const struct param_rule *rule = param->rule.type == PARAM_LIST ? &param->item : &param->rule;
    if (param->rule.type == PARAM_SECRET) {
        if (param->env_name[0] != '\0')
            add(exposure, "secret", 6, "is given the secret '%s' in its environment, which its children inherit",
                param->name);
        else
            add(exposure, "secret", 3, "is given the secret '%s'", param->name);
        return;
    }
    if (rule->type != PARAM_STRING)
        return;
    if (rule->pattern == NULL)
        add(exposure, "param", 5, "'%s' has no pattern: any text", param->name);
    else if (rule->is_partial)
        add(exposure, "param", 3, "'%s' has a pattern that only a part must match", param->name);
    if (rule->allows_dash)
        add(exposure, "dash", 5, "'%s' may begin with a dash, and be read as an option", param->name);
}

static void measure_limits(const struct command *command, struct exposure *exposure)
{
    if (command->stdin_kind != STDIN_NONE)
        add(exposure, "stdin", 3, "reads what the caller sends as standard input");
    if (command->timeout_ms > 24 * HOUR_MS)
        add(exposure, "timeout", 3, "may run for %u hours", command->timeout_ms / HOUR_MS);
    if (command->queue.limit == 0 && command->queue.rate.count == 0)
        add(exposure, "queue", 2, "neither concurrency nor rate says how many there may be");
}

static void close_score(struct exposure *exposure)
{
    if (exposure->score > EXPOSURE_MAX)
        exposure->score = EXPOSURE_MAX;
    exposure->level = exposure->score >= HIGH_FROM ? "high" : exposure->score >= MEDIUM_FROM ? "medium" : "low";
}

static void measure_one(const struct policy *policy, const struct command *command, struct exposure *exposure)
{
    measure_user(policy, command, exposure);
    measure_walls(policy, command, exposure);
    measure_program(command, exposure);
    for (uint32_t i = 0; i < command->param_count; i++)
        measure_param(&command->params[i], exposure);
    measure_limits(command, exposure);
}

void exposure_measure(const struct policy *policy, const struct command *command, struct exposure *ret_exposure)
{
    struct exposure step;
    const struct command *worst = NULL;
    unsigned worst_score = 0;
    memset(ret_exposure, 0, sizeof *ret_exposure);
    /* A step may be a sequence, and so on; the configuration refuses circles. */
    if (!command_is_sequence(command)) {
        measure_one(policy, command, ret_exposure);
        close_score(ret_exposure);
        return;
    }
    for (uint32_t i = 0; i < command->step_count; i++) {
        const struct command *target = &policy->commands[command->follows[i].command];
        exposure_measure(policy, target, &step);
        if (worst == NULL || step.score > worst_score)
            worst = target;
        worst_score = step.score > worst_score ? step.score : worst_score;
    }
    if (worst != NULL)
        add(ret_exposure, "step", worst_score, "is a sequence, and its step '%s' is as exposed", worst->name);
    close_score(ret_exposure);
}
