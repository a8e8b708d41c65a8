/* sallyport policy test: a program under the filter of a profile, and what that refuses. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli.h"
#include "options.h"
#include "policy_files.h"
#include "policy_program.h"
#include "policy_trace.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/filter/describe.h"
#include "say.h"

#define CALLS_MAX 1000 /* different ones that are remembered */

/* Each call that differs, with how often it came. */
struct seen {
    struct refused_call call;
    char name[CALL_NAME_BYTES];
    unsigned long count;
};

struct watch {
    const struct profile *profile;
    struct seen *seen;
    size_t count;
};

/* How many arguments decide about a call, so that calls which differ in others are one. */
static size_t telling_args(const struct refused_call *call)
{
    static const struct {
        const char *name;
        size_t args;
    } telling[] = { { "socket", 3 }, { "socketpair", 3 }, { "ioctl", 2 }, { "clone", 1 },    { "prctl", 2 },
                    { "fcntl", 2 },  { "unshare", 1 },    { "mmap", 3 },  { "mprotect", 3 }, { "personality", 1 },
                    { "open", 2 },   { "openat", 3 },     { "mknod", 2 }, { "mknodat", 3 },  { "prlimit64", 2 },
                    { "kill", 2 },   { "execveat", 5 } };
    char name[CALL_NAME_BYTES], number[16];
    uint32_t found;
    snprintf(number, sizeof number, "%u", call->number);
    if (call->is_foreign || !call_find(number, &found, name))
        return 0;
    for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
        if (strcmp(telling[i].name, name) == 0)
            return telling[i].args;
    return 0;
}

static bool is_same(const struct refused_call *one, const struct refused_call *other)
{
    if (one->number != other->number || one->is_foreign != other->is_foreign || one->code != other->code ||
        strcmp(one->path, other->path) != 0)
        return false;
    bool has_path = one->path[0] != '\0';
    for (size_t i = 0; i < telling_args(one) && !has_path; i++)
        if (one->args[i] != other->args[i])
            return false;
    return true;
}

static bool take(void *arg, const struct refused_call *call)
{
    struct watch *watch = arg;
    char number[16];
    uint32_t found;
    for (size_t i = 0; i < watch->count; i++) {
        if (is_same(&watch->seen[i].call, call)) {
            watch->seen[i].count++;
            return false;
        }
    }
    if (watch->count == CALLS_MAX)
        return false;
    struct seen *seen = &watch->seen[watch->count++];
    *seen = (struct seen){ .call = *call, .count = 1 };
    snprintf(number, sizeof number, "%u", call->number);
    if (call->is_foreign || !call_find(number, &found, seen->name))
        snprintf(seen->name, sizeof seen->name, "call %#x of another ABI", call->number);
    return false;
}

struct place_of_rule {
    char text[64];
};

static void note_line(void *arg, const struct rule_text *text)
{
    struct place_of_rule *place = arg;
    if (text->line > 0)
        snprintf(place->text, sizeof place->text, "line %u", text->line);
    else
        snprintf(place->text, sizeof place->text, "not listed");
}

/* "refused with EACCES, 3 times: openat(0xffffff9c, 0x55..., 0x241) of '/tmp/x' (line 97)" */
static void tell(const struct watch *watch, const struct seen *seen)
{
    const struct refused_call *call = &seen->call;
    char args[6 * 20 + 1] = "", times[32] = "";
    struct place_of_rule place = { .text = "no profile allows another ABI" };
    for (size_t i = 0; i < 6; i++)
        snprintf(args + strlen(args), sizeof args - strlen(args), "%s%#llx", i > 0 ? ", " : "",
                 (unsigned long long)call->args[i]);
    if (seen->count > 1)
        snprintf(times, sizeof times, ", %lu times", seen->count);
    if (!call->is_foreign)
        profile_explain(watch->profile, call->number, call->args, 6, note_line, &place);
    say("%s%s%s: %s(%s)%s%s%s (%s)", call->code == 0 ? "ended" : "refused with ",
        call->code == 0 ? "" : strerrorname_np(call->code) ?: "an errno", times, seen->name, args,
        call->path[0] != '\0' ? " of '" : "", call->path, call->path[0] != '\0' ? "'" : "", place.text);
}

static int watch_program(const char *name, char *const argv[], struct watch *watch, int *ret_status, struct error *err)
{
    struct profile *profile = NULL;
    watch->seen = calloc(CALLS_MAX, sizeof *watch->seen);
    if (watch->seen == NULL)
        return fail(err, ENOMEM, "watch");
    int done = policy_open(name, &profile, err);
    if (done == 0)
        done = trace_run(profile, argv, take, watch, ret_status, err);
    watch->profile = profile;
    return done;
}

static void tell_end(const char *program, const struct watch *watch, int status)
{
    bool is_ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    for (size_t i = 0; i < watch->count; i++)
        tell(watch, &watch->seen[i]);
    if (is_ended)
        say("%s was ended by the profile", program);
    else if (watch->count == 0)
        say("the profile refused nothing; %s ended with %d", program, program_code(status));
    else
        say("the profile refused %zu different call%s; %s ended with %d", watch->count, watch->count == 1 ? "" : "s",
            program, program_code(status));
}

static int test(struct cli *cli, void *values, const struct words *words)
{
    struct watch watch = { .profile = NULL };
    struct error err;
    int status = 0, code = CODE_TROUBLE;
    (void)cli;
    (void)values;
    auto_free char **argv = program_argv(words, 1);
    if (argv == NULL)
        say("out of memory");
    else if (watch_program(words->items[0], argv, &watch, &status, &err) < 0)
        say("%s", err.text);
    else {
        tell_end(argv[0], &watch, status);
        code = program_code(status);
    }
    free(watch.seen);
    profile_free((struct profile *)(uintptr_t)watch.profile);
    return code;
}

const struct subcommand cmd_policy_test = {
    .name = "policy test",
    .summary = "run a program under a profile's filter, and see what that refuses",
    .usage = "NAME|FILE -- PROGRAM [ARGUMENT]...",
    .details = "PROGRAM runs here and now, as you, under no_new_privs and this one filter: no other\n"
               "wall of a job is there. Its output is its own. At its end each call that the profile\n"
               "refused is said on stderr, with its arguments, its file if it was about one, and the\n"
               "line of the rule. The exit code is the program's; 159 when the profile ended it.\n"
               "\n"
               "  sallyport policy test base -- git status\n"
               "  sallyport policy test ./mine.json -- /opt/report/bin/report --dry-run\n"
               "\n"
               "What the program left running is killed at its end, as a job's would be.\n",
    .words_min = 2,
    .words_max = 1000,
    .run = test,
};
