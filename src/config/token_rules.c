#include "token_rules.h"

#include <stdlib.h>
#include <string.h>

#include "networks.h"
#include "reading.h"
#include "sallyport/base/text.h"

static void add_pin(struct reading *reading, struct config_identity *identity, const char *param, const char *value)
{
    struct setting_pin *pin = grow(reading, &identity->pins, identity->pin_count, sizeof *pin);
    char *copy = copy_text(reading, value);
    if (pin == NULL || copy == NULL) {
        free(copy);
        return;
    }
    identity->pin_count++;
    text_copy(pin->param, sizeof pin->param, param);
    pin->value = (struct span){ (const uint8_t *)copy, (uint32_t)strlen(copy) };
}

static void take_values(struct reading *reading, struct config_identity *identity, const char *param,
                        const json_t *value)
{
    if (json_is_array(value) && json_array_size(value) == 0)
        fault_below(reading, param, -1, "must have at least one value; to forbid a command leave it out of 'allow'");
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *text = scalar_text(reading, json_is_array(value) ? json_array_get(value, i) : value);
        if (text == NULL) /* told already */
            continue;
        if (identity->pin_count == PIN_COUNT_MAX) {
            fault_below(reading, param, (int)i,
                        "is too much: all parameters of a token together have at most %d values", PIN_COUNT_MAX);
            return;
        }
        add_pin(reading, identity, param, text);
    }
}

void token_rules_take(struct reading *reading, struct config_identity *identity)
{
    identity->from_count = networks_take(reading, "", "from", reading->identity.from, identity->from);
    const char *name;
    json_t *value;
    size_t length = enter_key(reading, "params");
    json_object_foreach((json_t *)(uintptr_t)reading->identity.pins, name, value)
        take_values(reading, identity, name, value);
    leave(reading, length);
}

static bool may_run(const struct config_identity *identity, const char *command)
{
    for (uint32_t i = 0; i < identity->scope_count; i++)
        if (identity->scopes[i].kind == SCOPE_ADMIN ||
            (identity->scopes[i].kind == SCOPE_RUN && text_glob(identity->scopes[i].glob, command)))
            return true;
    return false;
}

static bool is_written_down(const struct param *param)
{
    return param->rule.type != PARAM_SECRET && param->rule.type != PARAM_FILE;
}

static void check_param(struct reading *reading, const struct config_identity *identity, const char *name)
{
    const struct policy *policy = reading->config->policy;
    bool has_any = false;
    for (uint32_t i = 0; i < policy->command_count; i++) {
        const struct command *command = &policy->commands[i];
        int index = may_run(identity, command->name) ? command_find_param(command, name) : -1;
        has_any |= index >= 0;
        if (index >= 0 && !is_written_down(&command->params[index]))
            fault_below(reading, name, -1, "is a %s of command '%s', whose values cannot be written down here",
                        command->params[index].rule.type == PARAM_FILE ? "file" : "secret", command->name);
    }
    if (!has_any)
        warning_below(reading, name, -1, "no command that '%s' may run has such a parameter", identity->setting.name);
}

void token_rules_check(struct reading *reading, const struct config_identity *identity)
{
    size_t length = enter_key(reading, "params");
    for (uint32_t i = 0; i < identity->pin_count; i++)
        if (i == 0 || strcmp(identity->pins[i - 1].param, identity->pins[i].param) != 0)
            check_param(reading, identity, identity->pins[i].param);
    leave(reading, length);
}

void token_rules_done(struct config_identity *identity)
{
    for (uint32_t i = 0; i < identity->pin_count; i++)
        free((void *)(uintptr_t)identity->pins[i].value.data);
    free(identity->pins);
}
