#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

uint8_t value_kind(enum param_type type)
{
    static const uint8_t kinds[PARAM_TYPE_COUNT] = {
        [PARAM_STRING] = ENTRY_STRING, [PARAM_INT] = ENTRY_INTEGER, [PARAM_NUMBER] = ENTRY_REAL,
        [PARAM_BOOL] = ENTRY_BOOL,     [PARAM_ENUM] = ENTRY_STRING, [PARAM_LIST] = ENTRY_LIST,
    };
    return kinds[type];
}

bool value_has_shape(const struct param *param, const json_t *value)
{
    return json_is_array(value) == (param->rule.type == PARAM_LIST);
}

bool value_add(struct reading *reading, const struct param *param, const json_t *value, struct writer *out)
{
    uint8_t kind = value_kind(param->rule.type);
    if (kind != ENTRY_LIST)
        return entries_add_text(out, kind, param->name, scalar_text(reading, value), "");
    bool done = entries_add_text(out, kind, param->name, "", "");
    for (size_t i = 0; done && i < json_array_size(value); i++)
        done = entries_add_text(out, ENTRY_ITEM + value_kind(param->item.type), param->name,
                                scalar_text(reading, json_array_get(value, i)), "");
    return done;
}

bool value_place(struct span pointer, char ret_name[NAME_MAX_BYTES], int *ret_index)
{
    static const char prefix[] = "/params/";
    char text[NAME_MAX_BYTES * 2];
    if (!text_copy_bytes(text, sizeof text, pointer.data, pointer.size) || strncmp(text, prefix, strlen(prefix)) != 0)
        return false;
    const char *name = text + strlen(prefix), *slash = strchr(name, '/');
    *ret_index = slash != NULL ? (int)strtol(slash + 1, NULL, 10) : -1;
    return text_copy_bytes(ret_name, NAME_MAX_BYTES, name, slash != NULL ? (size_t)(slash - name) : strlen(name));
}
