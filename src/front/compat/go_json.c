#include "go_json.h"

#include <strings.h>

json_t *go_json_read(const void *data, size_t size)
{
    json_t *json = json_loadb(data, size, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
    if (json_is_null(json))
        return json_object();
    if (!json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

bool go_json_is_blank(const void *data, size_t size)
{
    const char *text = data;
    while (size > 0 && (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')) {
        text++;
        size--;
    }
    return size == 0;
}

json_t *go_json_member(json_t *object, const char *name)
{
    const char *key;
    json_t *value, *found = NULL;
    json_object_foreach(object, key, value) if (strcasecmp(key, name) == 0 && !json_is_null(value)) found = value;
    return found;
}
