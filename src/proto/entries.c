#include "sallyport/proto/entries.h"

#include <errno.h>
#include <string.h>

#define HEAD_BYTES 7 /* kind, and three sizes of 16 bits */

static void put_size(uint8_t *at, uint32_t size)
{
    at[0] = (uint8_t)size;
    at[1] = (uint8_t)(size >> 8);
}

static uint32_t get_size(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

bool entries_add(struct writer *out, uint8_t kind, struct span name, struct span value, struct span extra)
{
    const struct span parts[] = { name, value, extra };
    size_t total = HEAD_BYTES;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].size > UINT16_MAX)
            return false;
        total += parts[i].size;
    }
    if (total > out->left)
        return false;
    out->at[0] = kind;
    for (size_t i = 0; i < 3; i++)
        put_size(out->at + 1 + 2 * i, parts[i].size);
    out->at += HEAD_BYTES;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].size > 0)
            memcpy(out->at, parts[i].data, parts[i].size);
        out->at += parts[i].size;
    }
    out->left -= total;
    return true;
}

static struct span span_of(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

bool entries_add_text(struct writer *out, uint8_t kind, const char *name, const char *value, const char *extra)
{
    return entries_add(out, kind, span_of(name), span_of(value), span_of(extra));
}

int entries_next(struct reader *in, struct entry *ret_entry)
{
    if (in->left == 0)
        return 0;
    if (in->left < HEAD_BYTES)
        return -EBADMSG;
    struct span *parts[] = { &ret_entry->name, &ret_entry->value, &ret_entry->extra };
    const uint8_t *head = in->at;
    ret_entry->kind = head[0];
    in->at += HEAD_BYTES;
    in->left -= HEAD_BYTES;
    for (size_t i = 0; i < 3; i++) {
        uint32_t size = get_size(head + 1 + 2 * i);
        if (size > in->left)
            return -EBADMSG;
        *parts[i] = (struct span){ in->at, size };
        in->at += size;
        in->left -= size;
    }
    return 1;
}

bool span_is(struct span span, const char *text)
{
    return span.size == strlen(text) && memcmp(span.data, text, span.size) == 0;
}
