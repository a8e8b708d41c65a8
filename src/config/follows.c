#include "follows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "placeholders.h"
#include "reading.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/policy_follow.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES 8192

static const char *const list_keys[FOLLOW_WHEN_COUNT] = {
    [FOLLOW_STEP] = "steps",
    [FOLLOW_THEN] = "then",
    [FOLLOW_ON_FAILURE] = "on_failure",
    [FOLLOW_ALWAYS] = "always",
};

static void *follow_open(struct reading *reading, enum follow_when when)
{
    struct follow_draft *draft = grow(reading, &reading->follow_drafts, reading->follow_draft_count, sizeof *draft);
    if (draft == NULL)
        return NULL;
    *draft = (struct follow_draft){ .when = (uint8_t)when };
    for (uint32_t i = 0; i < reading->follow_draft_count; i++)
        draft->index += reading->follow_drafts[i].when == when;
    reading->follow_draft_count++;
    return draft;
}

void *step_open(struct reading *reading, const char *name)
{
    (void)name;
    return follow_open(reading, FOLLOW_STEP);
}

void *then_open(struct reading *reading, const char *name)
{
    (void)name;
    return follow_open(reading, FOLLOW_THEN);
}

void *on_failure_open(struct reading *reading, const char *name)
{
    (void)name;
    return follow_open(reading, FOLLOW_ON_FAILURE);
}

void *always_open(struct reading *reading, const char *name)
{
    (void)name;
    return follow_open(reading, FOLLOW_ALWAYS);
}

/* A list, or a single placeholder that becomes one: "{hosts...}". */
static void take_values(struct reading *reading, const struct placeholder_rule *rule, const json_t *value,
                        struct pass *pass)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    pass->is_list = json_is_array(value);
    pass->values = calloc(count + 1, sizeof *pass->values);
    if (pass->values == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    pass->value_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        size_t above = json_is_array(value) ? enter_index(reading, i) : reading->path.length;
        const char *text = scalar_text(reading, json_is_array(value) ? json_array_get(value, i) : value);
        if (text != NULL) /* else it was told */
            placeholders_read(reading, text, rule, &pass->values[i]);
        pass->is_list |= pass->values[i].is_spread;
        leave(reading, above);
    }
}

static void take_passes(struct reading *reading, const struct follow_draft *draft, struct follow *follow)
{
    bool is_step = draft->when == FOLLOW_STEP;
    const struct placeholder_rule rule = {
        .may_spread = true,
        .no_secret = "a secret is not kept, so it cannot be passed on",
        .no_file = "a file is its job's alone, so it cannot be passed on",
        .no_param = !is_step && reading->command_draft.record == 1
                        ? "with 'record: metadata-only' a job's values are not kept, so they cannot be passed on"
                        : NULL,
        .may_name_job = !is_step,
    };
    const char *name;
    json_t *value;
    size_t length = enter_key(reading, "params");
    json_object_foreach((json_t *)(uintptr_t)draft->params, name, value)
    {
        struct pass *pass = grow(reading, &follow->passes, follow->pass_count, sizeof *pass);
        if (pass == NULL)
            break;
        follow->pass_count++;
        size_t above = enter_key(reading, name);
        if (!text_copy(pass->name, sizeof pass->name, name))
            fault_at_key(reading, "is no parameter's name");
        take_values(reading, &rule, value, pass);
        leave(reading, above);
    }
    leave(reading, length);
}

static void await_target(struct reading *reading, const struct command *command, const struct follow_draft *draft)
{
    struct follow_target *target = grow(reading, &reading->targets, reading->target_count, sizeof *target);
    if (target == NULL)
        return;
    reading->target_count++;
    *target = (struct follow_target){ .command = (uint32_t)(command - reading->config->policy->commands),
                                      .follow = command->follow_count - 1,
                                      .index = draft->index,
                                      .name = draft->command };
}

void follows_take(struct reading *reading, struct command *command)
{
    for (uint32_t i = 0; i < reading->follow_draft_count; i++) {
        const struct follow_draft *draft = &reading->follow_drafts[i];
        struct follow *follow = grow(reading, &command->follows, command->follow_count, sizeof *follow);
        if (follow == NULL)
            return;
        command->follow_count++;
        command->step_count += draft->when == FOLLOW_STEP;
        *follow = (struct follow){ .when = draft->when, .continues = draft->continues };
        size_t length = enter_key(reading, list_keys[draft->when]);
        enter_index(reading, draft->index);
        take_passes(reading, draft, follow);
        leave(reading, length);
        await_target(reading, command, draft);
    }
    reading->follow_draft_count = 0;
}

static bool is_written(struct reading *reading, const char *key)
{
    size_t length = enter_key(reading, key);
    bool has = tree_has(reading->tree, reading->path.text);
    leave(reading, length);
    return has;
}

void follows_check_sequence(struct reading *reading, const struct command *command)
{
    static const char *const programs_alone[] = { "env",        "workdir",   "user",    "stdin",     "stdin_max",
                                                  "stdin_idle", "files_max", "signals", "artifacts", "artifacts_max",
                                                  "sandbox",    "degrade",   "grace",   "output",    "record",
                                                  "image",      "context" };
    bool has_exec = is_written(reading, "exec");
    if (!command_is_sequence(command)) {
        if (!has_exec && !is_written(reading, "steps") && !is_written(reading, "image"))
            fault_at_key(reading, "'exec' is missing; write exec: %s", key_find("commands.*.exec")->hint);
        return;
    }
    if (has_exec)
        fault_below(reading, "steps", -1, "stands beside 'exec'; a command has a program or steps, not both");
    for (size_t i = 0; i < sizeof programs_alone / sizeof programs_alone[0]; i++)
        if (is_written(reading, programs_alone[i]))
            fault_below(reading, programs_alone[i], -1,
                        "means nothing for a sequence: each step's command has its own");
}

/* --- when all commands are known -------------------------------------------------------------------------------- */

/* Steps down to where the follow is written. */
static size_t enter_follow(struct reading *reading, const struct follow_target *target)
{
    const struct command *command = &reading->config->policy->commands[target->command];
    size_t length = enter_key(reading, "commands");
    enter_key(reading, command->name);
    enter_key(reading, list_keys[command->follows[target->follow].when]);
    enter_index(reading, target->index);
    return length;
}

static void refuse_unknown_command(struct reading *reading, const char *name)
{
    const struct policy *policy = reading->config->policy;
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;
    for (uint32_t i = 0; i < policy->command_count; i++)
        if (is_near(name, policy->commands[i].name, &best))
            nearest = policy->commands[i].name;
    if (nearest != NULL)
        fault_below(reading, "command", -1, "there is no command '%.80s'; did you mean '%s'?", name, nearest);
    else
        fault_below(reading, "command", -1, "there is no command '%.80s'", name);
}

static const struct pass *find_pass(const struct follow *follow, const char *name)
{
    for (uint32_t i = 0; i < follow->pass_count; i++)
        if (strcmp(follow->passes[i].name, name) == 0)
            return &follow->passes[i];
    return NULL;
}

static void check_pass_name(struct reading *reading, const struct command *target, const struct pass *pass)
{
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;
    int index = command_find_param(target, pass->name);
    size_t length = enter_key(reading, "params");
    enter_key(reading, pass->name);
    for (uint32_t i = 0; index < 0 && i < target->param_count; i++)
        if (is_near(pass->name, target->params[i].name, &best))
            nearest = target->params[i].name;
    if (index < 0 && nearest != NULL)
        fault_at_key(reading, "'%s' has no such parameter; did you mean '%s'?", target->name, nearest);
    else if (index < 0)
        fault_at_key(reading, "'%s' has no such parameter", target->name);
    else if (target->params[index].rule.type == PARAM_SECRET)
        fault_at_key(reading, "is a secret of '%s', and no value that is written down or passed on is one",
                     target->name);
    else if (target->params[index].rule.type == PARAM_FILE)
        fault_at_key(reading, "is a file of '%s', which only a request can send", target->name);
    else if ((target->params[index].rule.type == PARAM_LIST) != pass->is_list)
        fault(reading,
              pass->is_list ? "must be a single value: '%s' of '%s' is no list"
                            : "must be a list, such as [a, \"{b}\"]: '%s' of '%s' is one",
              pass->name, target->name);
    leave(reading, length);
}

static void check_required(struct reading *reading, const struct command *target, const struct follow *follow)
{
    for (uint32_t i = 0; i < target->param_count; i++) {
        const struct param *param = &target->params[i];
        if (!param->is_required || find_pass(follow, param->name) != NULL)
            continue;
        if (param->rule.type == PARAM_FILE)
            fault_below(reading, "command", -1, "'%s' needs the file '%s', which only a request can send", target->name,
                        param->name);
        else
            fault_at_key(reading, "'%s' needs a value for '%s'; add it to 'params'", target->name, param->name);
    }
}

static void resolve(struct reading *reading, const struct follow_target *waiting)
{
    struct policy *policy = reading->config->policy;
    struct follow *follow = &policy->commands[waiting->command].follows[waiting->follow];
    if (waiting->name == NULL)
        return; /* told already */
    size_t length = enter_follow(reading, waiting);
    int index = policy_find_command(policy, waiting->name);
    if (index < 0) {
        refuse_unknown_command(reading, waiting->name);
    } else {
        follow->command = (uint32_t)index;
        if (follow->when == FOLLOW_STEP && policy->commands[index].keeps_metadata_only)
            fault_below(reading, "command", -1,
                        "'%s' cannot be a step: it keeps metadata only, and a step's values are kept until its turn "
                        "comes",
                        waiting->name);
        for (uint32_t i = 0; i < follow->pass_count; i++)
            check_pass_name(reading, &policy->commands[index], &follow->passes[i]);
        check_required(reading, &policy->commands[index], follow);
    }
    leave(reading, length);
}

void follows_resolve(struct reading *reading)
{
    struct error err = { 0 };
    for (uint32_t i = 0; i < reading->target_count; i++)
        resolve(reading, &reading->targets[i]);
    if (reading->report->fault_count == 0 && policy_check_follows(reading->config->policy, &err) < 0)
        report_fault(reading->report, (struct place){ 0 }, "commands", "%s", err.text);
}

/* --- the values that are written down ----------------------------------------------------------------------------- */

static bool is_literal(const struct pass *pass)
{
    for (uint32_t i = 0; i < pass->value_count; i++)
        for (uint32_t j = 0; j < pass->values[i].piece_count; j++)
            if (pass->values[i].pieces[j].literal == NULL)
                return false;
    return true;
}

/* "/params/NAME/3": the name, and the item or -1. */
static int split_pointer(struct span pointer, char ret_name[NAME_MAX_BYTES])
{
    char text[NAME_MAX_BYTES * 2];
    ret_name[0] = '\0';
    if (!text_copy_bytes(text, sizeof text, pointer.data, pointer.size) || strncmp(text, "/params/", 8) != 0)
        return -1;
    size_t size = strcspn(text + 8, "/");
    text_copy_bytes(ret_name, NAME_MAX_BYTES, text + 8, size);
    return text[8 + size] == '/' ? (int)strtol(text + 9 + size, NULL, 10) : -1;
}

static void tell_errors(struct reading *reading, const struct follow *literals, struct reader in)
{
    struct entry entry;
    size_t length = enter_key(reading, "params");
    while (entries_next(&in, &entry) == 1) {
        char name[NAME_MAX_BYTES];
        int item = split_pointer(entry.name, name);
        if (find_pass(literals, name) != NULL) /* else it is a value that only a request knows */
            fault_below(reading, name, item, "breaks the parameter's own rules: it %.*s", (int)entry.extra.size,
                        (const char *)entry.extra.data);
    }
    leave(reading, length);
}

/* `literals` has those passes alone whose values are known. */
static void try_literals(struct reading *reading, const struct matcher *matcher, const struct command *from,
                         const struct follow *literals)
{
    auto_free uint8_t *room = malloc(PARAMS_MAX_BYTES + ERRORS_MAX_BYTES);
    struct error err = { 0 };
    if (room == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    struct writer params = { room, PARAMS_MAX_BYTES }, errors = { room + PARAMS_MAX_BYTES, ERRORS_MAX_BYTES };
    if (follow_expand(reading->config->policy, from, literals, (struct span){ 0 }, NULL, &params, &err) < 0) {
        fault_at_key(reading, "%s", err.text);
        return;
    }
    struct span span = { room, (uint32_t)(PARAMS_MAX_BYTES - params.left) };
    if (matcher_check(matcher, literals->command, span, &errors, &err) < 0)
        tell_errors(reading, literals, (struct reader){ room + PARAMS_MAX_BYTES, ERRORS_MAX_BYTES - errors.left });
}

static void try_follow(struct reading *reading, const struct matcher *matcher, const struct follow_target *target)
{
    const struct command *from = &reading->config->policy->commands[target->command];
    const struct follow *follow = &from->follows[target->follow];
    struct follow literals = *follow;
    literals.passes = calloc(follow->pass_count + 1, sizeof *literals.passes);
    literals.pass_count = 0;
    if (literals.passes == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    for (uint32_t i = 0; i < follow->pass_count; i++)
        if (is_literal(&follow->passes[i]))
            literals.passes[literals.pass_count++] = follow->passes[i];
    size_t length = enter_follow(reading, target);
    try_literals(reading, matcher, from, &literals);
    leave(reading, length);
    free(literals.passes);
}

void follows_try(struct reading *reading, const struct matcher *matcher)
{
    for (uint32_t i = 0; i < reading->target_count; i++)
        try_follow(reading, matcher, &reading->targets[i]);
}

void follows_done(struct reading *reading)
{
    free(reading->follow_drafts);
    free(reading->targets);
    reading->follow_drafts = NULL;
    reading->targets = NULL;
}
