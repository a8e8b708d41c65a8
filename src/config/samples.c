#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "values.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES 4096

/* A policy of one command with this one parameter, so that a fault belongs to a place in the file. */
struct alone {
    struct template_piece piece;
    struct template program;
    struct param param;
    struct command command;
    struct policy policy;
};

static void alone_init(struct alone *alone, const struct command *command, const struct param *param)
{
    static char program[] = "/x";
    *alone = (struct alone){ .piece = { .literal = program } };
    alone->program = (struct template){ .pieces = &alone->piece, .piece_count = 1 };
    alone->param = *param;
    alone->param.has_default = false; /* tried below, with a better place for its faults */
    alone->command = (struct command){ .params = &alone->param, .param_count = 1 };
    alone->command.files_max_bytes = UPLOADS_MAX_BYTES;
    alone->command.arguments = &alone->program;
    alone->command.argument_count = 1;
    memcpy(alone->command.name, command->name, sizeof alone->command.name);
    alone->policy = (struct policy){ .commands = &alone->command, .command_count = 1 };
}

static void tell_errors(struct reading *reading, const char *key, struct reader in)
{
    struct entry entry;
    while (entries_next(&in, &entry) == 1) {
        char name[NAME_MAX_BYTES];
        int index = -1;
        value_place(entry.name, name, &index);
        fault_below(reading, key, index, "breaks the parameter's own rules: it %.*s", (int)entry.extra.size,
                    (const char *)entry.extra.data);
    }
}

static void try_value(struct reading *reading, const struct matcher *matcher, const struct param *param,
                      const char *key, const json_t *value)
{
    auto_free uint8_t *room = malloc(PARAMS_MAX_BYTES + ERRORS_MAX_BYTES);
    if (room == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    struct writer params = { room, PARAMS_MAX_BYTES };
    if (!value_add(reading, param, value, &params)) {
        fault_below(reading, key, -1, "is too long: all parameters of one job have at most 48 KiB");
        return;
    }
    struct writer errors = { room + PARAMS_MAX_BYTES, ERRORS_MAX_BYTES };
    struct error err = { 0 };
    struct span span = { room, (uint32_t)(PARAMS_MAX_BYTES - params.left) };
    unsigned before = reading->report->fault_count;
    if (matcher_check(matcher, 0, span, &errors, &err) == 0)
        return;
    tell_errors(reading, key, (struct reader){ room + PARAMS_MAX_BYTES, ERRORS_MAX_BYTES - errors.left });
    if (reading->report->fault_count == before)
        fault_below(reading, key, -1, "cannot be checked: %s", err.text);
}

/* The matcher names command, parameter and "pattern"; here the path does. */
static const char *without_names(const struct alone *alone, const char *text)
{
    char prefix[2 * NAME_MAX_BYTES + 64];
    int length =
        snprintf(prefix, sizeof prefix, "command '%s': parameter '%s': ", alone->command.name, alone->param.name);
    if (strncmp(text, prefix, (size_t)length) != 0)
        return text;
    text += length;
    return strncmp(text, "pattern, ", 9) == 0 ? text + 9 : text;
}

void pattern_check(struct reading *reading, const struct param *param, const struct param_rule *rule)
{
    struct alone alone;
    struct matcher *matcher = NULL;
    struct error err = { 0 };
    if (rule->pattern == NULL)
        return;
    alone_init(&alone, reading->command, param);
    alone.param.rule =
        (struct param_rule){ .type = PARAM_STRING, .pattern = rule->pattern, .is_partial = rule->is_partial };
    if (matcher_new(&alone.policy, &matcher, &err) < 0)
        fault_below(reading, "pattern", -1, "%s", without_names(&alone, err.text));
    matcher_free(matcher);
}

void samples_check(struct reading *reading, const struct param *param)
{
    struct alone alone;
    struct matcher *matcher = NULL;
    struct error err = { 0 };
    alone_init(&alone, reading->command, param);
    if (matcher_new(&alone.policy, &matcher, &err) < 0) {
        fault_at_key(reading, "%s", without_names(&alone, err.text));
        return;
    }
    if (param->has_default)
        try_value(reading, matcher, param, "default", reading->param_draft.fallback);
    if (param->example != NULL)
        try_value(reading, matcher, param, "example", reading->param_draft.example);
    matcher_free(matcher);
}
