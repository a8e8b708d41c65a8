#include "sallyport/json/values.h"

#include <stdlib.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

/* The replacement character for each byte that starts no sequence; three times the size is enough. */
static json_t *json_text_mended(struct span text)
{
    static const uint8_t replacement[] = { 0xef, 0xbf, 0xbd };
    char *mended = malloc((size_t)text.size * 3 + 1);
    if (mended == NULL)
        return NULL;
    size_t used = 0;
    for (uint32_t at = 0; at < text.size;) {
        uint32_t length = 1;
        while (length <= 4 && at + length <= text.size && !text_is_utf8(text.data + at, length))
            length++;
        if (length > 4 || at + length > text.size || text.data[at] == '\0') {
            memcpy(mended + used, replacement, sizeof replacement);
            used += sizeof replacement;
            at++;
        } else {
            memcpy(mended + used, text.data + at, length);
            used += length;
            at += length;
        }
    }
    json_t *json = json_stringn(mended, used);
    free(mended);
    return json;
}

json_t *json_text_span(struct span text)
{
    if (text.size == 0)
        return json_string("");
    if (text_is_utf8(text.data, text.size) && memchr(text.data, '\0', text.size) == NULL)
        return json_stringn((const char *)text.data, text.size);
    return json_text_mended(text);
}

json_t *json_text(const char *text)
{
    return json_text_span((struct span){ (const uint8_t *)text, (uint32_t)strlen(text) });
}

json_t *json_text_or_null(const char *text)
{
    return text[0] != '\0' ? json_text(text) : json_null();
}

json_t *json_id_or_null(const struct job_id *id)
{
    char text[JOB_ID_TEXT_BYTES];
    return job_id_is_none(id) ? json_null() : json_string(job_id_text(id, text));
}

json_t *json_count_or_null(uint32_t count)
{
    return count > 0 ? json_integer(count) : json_null();
}

json_t *json_time_or_null(uint64_t unix_ms)
{
    char text[CLOCK_TEXT_BYTES];
    return unix_ms > 0 ? json_string(clock_text(unix_ms, text)) : json_null();
}

json_t *json_seconds(uint64_t us)
{
    return us % 1000000 == 0 ? json_integer((json_int_t)(us / 1000000)) : json_real((double)us / 1e6);
}

/* The bytes themselves are not kept. */
static json_t *json_file(struct span bytes, struct span sha256)
{
    char text[40], digest[65];
    json_t *file = json_object();
    json_object_set_new(file, "bytes",
                        text_copy_bytes(text, sizeof text, bytes.data, bytes.size)
                            ? json_integer(strtoll(text, NULL, 10))
                            : json_null());
    if (sha256.size == 32)
        text_hex(sha256.data, 32, digest);
    json_object_set_new(file, "sha256", sha256.size == 32 ? json_string(digest) : json_null());
    return json_pack("{s:o}", "file", file);
}

static json_t *json_value(uint8_t kind, struct span value, struct span extra)
{
    char text[40];
    switch (kind) {
    case ENTRY_SECRET:
        return json_pack("{s:b}", "secret", 1);
    case ENTRY_FILE:
        return json_file(value, extra);
    case ENTRY_BOOL:
        return json_boolean(span_is(value, "true"));
    case ENTRY_INTEGER:
        if (text_copy_bytes(text, sizeof text, value.data, value.size))
            return json_integer(strtoll(text, NULL, 10));
        break;
    case ENTRY_REAL:
        if (text_copy_bytes(text, sizeof text, value.data, value.size))
            return json_real(strtod(text, NULL));
        break;
    default:
        break;
    }
    return json_text_span(value);
}

static void object_set(json_t *object, struct span key, json_t *value)
{
    char *text = strndup((const char *)key.data, key.size);
    if (text != NULL && text_is_utf8(text, strlen(text)))
        json_object_set_new(object, text, value);
    else
        json_decref(value);
    free(text);
}

json_t *json_entries(struct span entries)
{
    json_t *object = json_object(), *list = NULL;
    struct reader in = { entries.data, entries.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0) {
        if (entry.kind == ENTRY_LIST) {
            list = json_array();
            object_set(object, entry.name, list);
        } else if (entry.kind > ENTRY_ITEM && entry.kind < ENTRY_LABEL && list != NULL) {
            json_array_append_new(list, json_value(entry.kind - ENTRY_ITEM, entry.value, entry.extra));
        } else {
            object_set(object, entry.name, json_value(entry.kind, entry.value, entry.extra));
        }
    }
    return object;
}
