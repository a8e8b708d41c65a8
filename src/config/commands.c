#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "context.h"
#include "env_names.h"
#include "files.h"
#include "follows.h"
#include "keys.h"
#include "paths.h"
#include "placeholders.h"
#include "queue.h"
#include "reading.h"
#include "roots.h"
#include "routes.h"
#include "scripts.h"
#include "words.h"
#include "sallyport/base/glob.h"
#include "sallyport/base/text.h"

void *command_open(struct reading *reading, const char *name)
{
    struct policy *policy = reading->config->policy;
    struct command *command = grow(reading, &policy->commands, policy->command_count, sizeof *command);
    uint8_t *mode = grow(reading, &reading->config->command_modes, policy->command_count, sizeof *mode);
    if (command == NULL || mode == NULL)
        return NULL;
    policy->command_count++;
    reading->follow_draft_count = 0;
    text_copy(command->name, sizeof command->name, name);
    if (strcmp(name, SEQUENCE_NAME) == 0)
        fault_at_key(reading, "'" SEQUENCE_NAME "' is the name of sequences that callers put together; choose another");
    reading->command = command;
    reading->faults_before_command = reading->report->fault_count;
    reading->command_draft = (struct command_draft){ .limits = reading->server.limits };
    return &reading->command_draft;
}

static void take_texts(struct reading *reading, struct command *command)
{
    const struct command_draft *draft = &reading->command_draft;
    command->title = copy_text(reading, draft->title != NULL ? draft->title : "");
    command->description = copy_text(reading, draft->description != NULL ? draft->description : "");
    command->group = copy_text(reading, draft->group != NULL ? draft->group : "");
    if (draft->workdir != NULL)
        text_copy(command->workdir, sizeof command->workdir, draft->workdir);
}

struct retention retention_of(const struct limits_draft *limits)
{
    return (struct retention){ .age_ms = limits->retention_age_ms,
                               .count = (uint32_t)limits->retention_count,
                               .bytes = limits->retention_bytes,
                               .records_age_ms = limits->retention_records_ms };
}

static void take_limits(struct command *command, const struct limits_draft *limits)
{
    command->has_host_network = limits->network == 1;
    command->timeout_ms = (uint32_t)limits->timeout_ms;
    command->grace_ms = (uint32_t)limits->grace_ms;
    command->cpu_time_ms = (uint32_t)limits->cpu_time_ms;
    command->cpu_thousandths = (uint32_t)limits->cpu_thousandths;
    command->memory_max_bytes = limits->memory_bytes;
    command->pids_max = (uint32_t)limits->pids;
    command->tmp_max_bytes = limits->tmp_bytes;
    command->landlock_abi_min = (uint32_t)limits->landlock_abi;
    command->output_max_bytes = limits->output_bytes;
    command->output_when_full = (uint8_t)limits->when_full;
    command->degrade = (uint32_t)limits->degrade;
    command->retention = retention_of(limits);
}

/* The program is known when the configuration is read: what may run never depends on a caller. */
static void check_program(struct reading *reading, const char *text)
{
    const char *why = path_fault(text);
    if (text[0] != '\0' && text[0] != '/')
        fault_below(reading, "exec", 0, "'%.80s' must be the program's absolute path, such as /usr/bin/%.40s", text,
                    strrchr(text, '/') != NULL ? strrchr(text, '/') + 1 : text);
    else if (text[0] != '\0' && why != NULL)
        fault_below(reading, "exec", 0, "%s", why);
    else if (text[0] != '\0' && text[1] == '\0')
        fault_below(reading, "exec", 0, "is a directory; write the program's path");
}

/* What stands for the image's own until somebody has the image. */
static void take_entrypoint(struct reading *reading, struct command *command)
{
    struct template *template = grow(reading, &command->arguments, 0, sizeof *template);
    struct template_piece *piece = template != NULL ? grow(reading, &template->pieces, 0, sizeof *piece) : NULL;
    if (piece == NULL)
        return;
    command->argument_count = template->piece_count = 1;
    piece->literal = copy_text(reading, "/entrypoint-of-the-image");
}

static void take_arguments(struct reading *reading, struct command *command)
{
    const json_t *exec = reading->command_draft.exec;
    command->runs_entrypoint = exec == NULL && reading->command_draft.image != NULL && !command_is_sequence(command);
    if (command->runs_entrypoint)
        take_entrypoint(reading, command);
    if (exec == NULL)
        return;
    size_t length = enter_key(reading, "exec");
    for (size_t i = 0; i < json_array_size(exec); i++) {
        struct template *template = grow(reading, &command->arguments, command->argument_count, sizeof *template);
        if (template == NULL)
            break;
        command->argument_count++;
        size_t above = enter_index(reading, i);
        const struct placeholder_rule rule = { .may_spread = true,
                                               .literal_only =
                                                   i == 0 ? "the program is the owner's choice alone" : NULL };
        placeholders_read(reading, text_item(exec, i), &rule, template);
        leave(reading, above);
    }
    leave(reading, length);
    const struct template *program = command->argument_count > 0 ? &command->arguments[0] : NULL;
    if (program != NULL && program->piece_count == 1 && program->pieces[0].literal != NULL)
        check_program(reading, program->pieces[0].literal);
}

/* A secret's variable and one of `env` may not be the same. */
static void check_delivery(struct reading *reading, const struct command *command)
{
    for (uint32_t i = 0; i < command->param_count; i++) {
        const char *name = command->params[i].env_name;
        if (name[0] == '\0')
            continue;
        bool is_taken = json_object_get(reading->command_draft.env, name) != NULL;
        for (uint32_t j = 0; j < i; j++)
            is_taken |= strcmp(command->params[j].env_name, name) == 0;
        size_t length = enter_key(reading, "params");
        enter_key(reading, command->params[i].name);
        if (is_taken)
            fault_below(reading, "deliver", -1, "variable %s is set by another line already", name);
        leave(reading, length);
    }
}

static void take_variable(struct reading *reading, struct command *command, const char *name, const json_t *value)
{
    const char *text = scalar_text(reading, value);
    if (text == NULL || !env_is_name(name)) /* told already */
        return;
    if (env_is_ours(name)) {
        fault_at_key(reading, "is set by sallyport itself; choose another name");
        return;
    }
    struct env_entry *entry = grow(reading, &command->env, command->env_count, sizeof *entry);
    if (entry == NULL)
        return;
    command->env_count++;
    text_copy(entry->name, sizeof entry->name, name);
    const struct placeholder_rule rule = {
        .no_file = "a file's path is an argument of the program and nothing else",
        .literal_only = env_is_obeyed(name)
                            ? "loaders or interpreters obey this variable, so a caller must have no say in it"
                            : NULL
    };
    placeholders_read(reading, text, &rule, &entry->value);
}

static void take_env(struct reading *reading, struct command *command)
{
    const char *name;
    json_t *value;
    size_t length = enter_key(reading, "env");
    json_object_foreach((json_t *)(uintptr_t)reading->command_draft.env, name, value)
    {
        size_t above = enter_key(reading, name);
        take_variable(reading, command, name, value);
        leave(reading, above);
    }
    leave(reading, length);
}

static void warn_unused(struct reading *reading, const struct command *command)
{
    if (reading->report->fault_count > reading->faults_before_command)
        return; /* what is misspelt in a placeholder would be told twice */
    size_t length = enter_key(reading, "params");
    for (uint32_t i = 0; i < command->param_count; i++)
        if (!reading->params_used[i] && command->params[i].rule.type != PARAM_SECRET &&
            command->params[i].rule.type != PARAM_FILE) /* these two are files, at paths that a program may know */
            warning_below(reading, command->params[i].name, -1,
                          command_is_sequence(command)
                              ? "no step uses it; write \"{%s}\" in a step's 'params'"
                              : "no argument and no variable uses it; write \"{%s}\" in 'exec'",
                          command->params[i].name);
    leave(reading, length);
}

static void take_templates(struct reading *reading, struct command *command)
{
    reading->params_used = calloc(command->param_count + 1, sizeof *reading->params_used);
    if (reading->params_used == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    take_arguments(reading, command);
    take_env(reading, command);
    follows_take(reading, command);
    queue_rules_take(reading, command); /* a key uses a parameter as an argument does */
    warn_unused(reading, command);
    free(reading->params_used);
    reading->params_used = NULL;
}

static void take_input(struct reading *reading, struct command *command)
{
    const struct command_draft *draft = &reading->command_draft;
    command->stdin_kind = (uint8_t)draft->stdin_kind;
    command->stdin_idle_ms = (uint32_t)draft->stdin_idle_ms;
    command->stdin_max_bytes = draft->stdin_max_bytes;
    if (command->stdin_idle_ms != 0 && command->stdin_kind != STDIN_STREAM)
        fault_below(reading, "stdin_idle", -1, "means something for 'stdin: stream' alone");
    command->files_max_bytes = draft->files_max_bytes;
    command->signals = draft->signals;
    command->keeps_metadata_only = draft->record == 1;
}

/* They are collected where the job works, and only a file system of its own is gone through by its own rights alone. */
static void take_artifacts(struct reading *reading, struct command *command)
{
    const json_t *artifacts = reading->command_draft.artifacts;
    command->artifacts_max_bytes = artifacts != NULL ? reading->command_draft.artifacts_max_bytes : 0;
    if (artifacts == NULL)
        return;
    if (command->workdir[0] != '\0' && strcmp(command->workdir, "/tmp") != 0)
        fault_below(reading, "artifacts", -1,
                    "are taken from the job's own /tmp, and it works in '%.200s'; leave 'workdir' out",
                    command->workdir);
    for (size_t i = 0; i < json_array_size(artifacts); i++) {
        const char *pattern = text_item(artifacts, i), *why = glob_fault(pattern);
        if (why != NULL) {
            fault_below(reading, "artifacts", (int)i, "%s", why);
            continue;
        }
        char **place = grow(reading, &command->artifacts, command->artifact_count, sizeof *place);
        if (place == NULL || (*place = copy_text(reading, pattern)) == NULL)
            return;
        command->artifact_count++;
    }
}

/* The filter of this profile; commands share them. */
static uint32_t find_filter(struct reading *reading, const char *name)
{
    struct policy *policy = reading->config->policy;
    for (uint32_t i = 0; i < policy->filter_count; i++)
        if (strcmp(policy->filters[i].name, name) == 0)
            return i;
    struct filter *filter = grow(reading, &policy->filters, policy->filter_count, sizeof *filter);
    if (filter == NULL)
        return 0;
    text_copy(filter->name, sizeof filter->name, name);
    return policy->filter_count++;
}

static void take_sandbox(struct reading *reading, struct command *command)
{
    const struct command_draft *draft = &reading->command_draft;
    if (draft->user != NULL)
        command->account = account_find(reading, draft->user);
    command->root = root_find(reading);
    command->filter = find_filter(reading, word_profile((unsigned)draft->limits.profile));
}

/* It has no program, so no sandbox: index 0 is that of some command, for a circle-free sequence ends in programs. Its
 * steps have timeouts of their own. */
static void take_sequence(struct reading *reading, struct command *command)
{
    size_t length = enter_key(reading, "timeout");
    if (!tree_has(reading->tree, reading->path.text))
        command->timeout_ms = TIMEOUT_MAX_MS;
    leave(reading, length);
}

void command_close(struct reading *reading)
{
    struct policy *policy = reading->config->policy;
    struct command *command = &policy->commands[policy->command_count - 1];
    const struct command_draft *draft = &reading->command_draft;
    take_texts(reading, command);
    take_limits(command, &draft->limits);
    take_templates(reading, command);
    follows_check_sequence(reading, command);
    scripts_check(reading);
    check_delivery(reading, command);
    take_input(reading, command);
    files_check(reading, command);
    take_artifacts(reading, command);
    context_take(reading, command);
    command->parallel = (uint32_t)draft->parallel;
    command->account = ACCOUNT_NONE;
    if (command_is_sequence(command))
        take_sequence(reading, command);
    else
        take_sandbox(reading, command);
    route_take(reading, command);
    reading->config->command_modes[policy->command_count - 1] = (uint8_t)draft->mode;
#if SALLYPORT_TEST_SWITCHES
    command->test_layers_off = (uint32_t)draft->test_layers_off;
#endif
}

const char *command_nearest(const struct policy *policy, const char *name)
{
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;
    for (uint32_t i = 0; i < policy->command_count; i++)
        if (is_near(name, policy->commands[i].name, &best))
            nearest = policy->commands[i].name;
    return nearest;
}

const struct command *command_wanted(struct reading *reading, const char *name)
{
    const struct policy *policy = reading->config->policy;
    int index = policy_find_command(policy, name);
    if (index >= 0)
        return &policy->commands[index];
    const char *nearest = command_nearest(policy, name);
    if (nearest != NULL)
        fault_below(reading, "command", -1, "there is no command '%s'; did you mean '%s'?", name, nearest);
    else
        fault_below(reading, "command", -1, "there is no command '%s'", name);
    return NULL;
}
