#include "schedule_params.h"

#include <stdlib.h>

#include "keys.h"
#include "reading.h"
#include "values.h"
#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES 4096

static void tell_unknown(struct reading *reading, const struct command *command, const char *name)
{
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;
    for (uint32_t i = 0; i < command->param_count; i++)
        if (is_near(name, command->params[i].name, &best))
            nearest = command->params[i].name;
    if (nearest != NULL)
        fault_at_key(reading, "command '%s' has no such parameter; did you mean '%s'?", command->name, nearest);
    else
        fault_at_key(reading, "command '%s' has no such parameter", command->name);
}

/* Scalars only: what else stands there was told when it was read. */
static bool is_readable(const json_t *value)
{
    if (!json_is_array(value))
        return !json_is_object(value) && !json_is_null(value);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (json_is_array(json_array_get(value, i)) || !is_readable(json_array_get(value, i)))
            return false;
    return true;
}

static void add_param(struct reading *reading, const struct command *command, const char *name, const json_t *value,
                      struct writer *out)
{
    int index = command_find_param(command, name);
    if (index < 0) {
        tell_unknown(reading, command, name);
        return;
    }
    const struct param *param = &command->params[index];
    if (param->rule.type == PARAM_SECRET)
        fault(reading, "is a secret, which must not be written down here");
    else if (param->rule.type == PARAM_FILE)
        fault(reading, "is a file, which only a request can send");
    else if (json_is_object(value))
        return; /* told, or taken from elsewhere */
    else if (!value_has_shape(param, value))
        fault(reading, param->rule.type == PARAM_LIST ? "must be a list, such as [a, b]" : "must be a single value");
    else if (is_readable(value) && !value_add(reading, param, value, out))
        fault(reading, "is too long: all parameters of one job have at most 48 KiB");
}

static void add_params(struct reading *reading, const struct command *command, const json_t *params, struct writer *out)
{
    const char *name;
    json_t *value;
    size_t length = enter_key(reading, "params");
    json_object_foreach((json_t *)(uintptr_t)params, name, value)
    {
        size_t above = enter_key(reading, name);
        add_param(reading, command, name, value, out);
        leave(reading, above);
    }
    leave(reading, length);
}

static bool is_of_type(const struct command *command, const char *name, enum param_type type)
{
    int index = command_find_param(command, name);
    return index >= 0 && command->params[index].rule.type == type;
}

static void tell_error(struct reading *reading, const struct command *command, const json_t *params, const char *whose,
                       const struct entry *entry)
{
    char name[NAME_MAX_BYTES];
    int index = -1;
    bool is_missing = span_is(entry->value, "required");
    if (!value_place(entry->name, name, &index))
        fault(reading, "%.*s", (int)entry->extra.size, (const char *)entry->extra.data);
    else if (is_missing && json_object_get(params, name) != NULL)
        return; /* it is there, and why it was not taken has been told */
    else if (is_missing && is_of_type(command, name, PARAM_FILE))
        fault_below(reading, name, -1, "is a file that the command requires, and only a request can send one");
    else if (is_missing && is_of_type(command, name, PARAM_SECRET))
        fault_below(reading, name, -1, "is a secret that the command requires, and %s has nothing to take it from",
                    whose);
    else
        fault_below(reading, name, index, "%.*s", (int)entry->extra.size, (const char *)entry->extra.data);
}

static void check_params(struct reading *reading, const struct command *command, const json_t *params,
                         const char *whose, struct span entries)
{
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer errors = { room, sizeof room };
    struct command copy = *command;
    struct policy alone = { .commands = &copy, .command_count = 1 };
    struct matcher *matcher = NULL;
    struct entry entry;
    size_t length = enter_key(reading, "params");
    if (matcher_new(&alone, &matcher, NULL) == 0) { /* else the command's own faults have been told */
        matcher_check(matcher, 0, entries, &errors, NULL);
        struct reader in = { room, sizeof room - errors.left };
        while (entries_next(&in, &entry) == 1)
            tell_error(reading, command, params, whose, &entry);
    }
    matcher_free(matcher);
    leave(reading, length);
}

void schedule_params_take(struct reading *reading, const struct command *command, const json_t *params,
                          const char *whose, uint8_t **ret_room, struct span *ret_entries)
{
    uint8_t *room = malloc(PARAMS_MAX_BYTES);
    if (room == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    struct writer out = { room, PARAMS_MAX_BYTES };
    add_params(reading, command, params, &out);
    struct span entries = { room, (uint32_t)(PARAMS_MAX_BYTES - out.left) };
    check_params(reading, command, params, whose, entries);
    uint8_t *smaller = realloc(room, entries.size + 1);
    *ret_room = smaller != NULL ? smaller : room;
    *ret_entries = (struct span){ *ret_room, entries.size };
}
