#include "sallyport/policy/pins.h"

#include <stdio.h>
#include <string.h>

#include "faults.h"
#include "request.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

/* All pins of a caller, and the parameter that is being looked at. */
struct pinned {
    const struct setting_pin *pins;
    uint32_t count;
    const char *param;
};

static bool is_pinned(const struct pinned *pinned)
{
    for (uint32_t i = 0; i < pinned->count; i++)
        if (strcmp(pinned->pins[i].param, pinned->param) == 0)
            return true;
    return false;
}

static bool takes(const struct pinned *pinned, struct span value)
{
    for (uint32_t i = 0; i < pinned->count; i++) {
        const struct span *one = &pinned->pins[i].value;
        if (strcmp(pinned->pins[i].param, pinned->param) == 0 && one->size == value.size &&
            (one->size == 0 || memcmp(one->data, value.data, one->size) == 0))
            return true;
    }
    return false;
}

static bool takes_default(const struct pinned *pinned, const struct param *param)
{
    for (uint32_t i = 0; i < param->default_count; i++) {
        const char *text = param->default_values[i];
        if (!takes(pinned, (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) }))
            return false;
    }
    return param->default_count > 0;
}

static bool takes_items(const struct pinned *pinned, const struct given *given)
{
    struct reader items = given->items;
    struct entry item;
    while (given_next_item(&items, &item))
        if (!takes(pinned, item.value))
            return false;
    return given->item_count > 0;
}

static void refuse(const struct pinned *pinned, bool is_given, struct faults *faults)
{
    char listed[200] = ""; /* the first of many */
    size_t used = 0;
    for (uint32_t i = 0; i < pinned->count && used < sizeof listed; i++)
        if (strcmp(pinned->pins[i].param, pinned->param) == 0)
            used += (size_t)snprintf(listed + used, sizeof listed - used, "%s%.*s", used > 0 ? ", " : "",
                                     (int)pinned->pins[i].value.size, (const char *)pinned->pins[i].value.data);
    faults_add(faults, "not_allowed", is_given ? "this caller may say only %s" : "this caller must say one of %s",
               listed);
}

int pins_check(const struct command *command, struct span params, const struct setting_pin *pins, uint32_t pin_count,
               struct writer *errors, struct error *err)
{
    struct faults found = { .out = errors }, others = { 0 }; /* unknown names are for matcher_check() to tell */
    struct request request;
    int done = pin_count > 0 ? request_read(command, params, &request, &others, err) : 0;
    if (done < 0)
        return done;
    for (uint32_t i = 0; i < command->param_count && pin_count > 0; i++) {
        const struct param *param = &command->params[i];
        const struct given *given = &request.given[i];
        const struct pinned pinned = { pins, pin_count, param->name };
        bool is_given = given->kind != ENTRY_NONE;
        if (!is_pinned(&pinned))
            continue;
        faults_at(&found, (struct span){ (const uint8_t *)param->name, (uint32_t)strlen(param->name) }, -1);
        if (!is_given                   ? !takes_default(&pinned, param)
            : given->kind == ENTRY_LIST ? !takes_items(&pinned, given)
                                        : !takes(&pinned, given->value))
            refuse(&pinned, is_given, &found);
    }
    return (int)found.count;
}
