#include "hook_head.h"

#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "sallyport/base/text.h"

#include "front.h"

const struct hook_scheme *hook_scheme_for(const struct front *front, const char *name,
                                          const struct public_hook **ret_hook)
{
    const struct public_settings *settings = &front->settings;
    const struct public_hook *hook = public_hook_find(settings->hooks, settings->hook_count, name);
    *ret_hook = hook;
    return hook != NULL ? &hook->setting.scheme : hook_scheme_drawn(hook_rates_mix(&front->hook_rates, name));
}

struct head {
    const char *at;
    size_t size;
};

/* The value of the first field of this name, copied; NULL when there is none, "" when it is too long for its place. */
static const char *find_field(struct head head, const char *name, char *room, size_t room_size)
{
    size_t length = strlen(name);
    const char *line = memchr(head.at, '\n', head.size), *end = head.at + head.size;
    while (length > 0 && line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((next != NULL ? next : end) - line);
        if (size > length && line[length] == ':' && strncasecmp(line, name, length) == 0) {
            const char *value = line + length + 1;
            size_t left = size - length - 1;
            for (; left > 0 && (*value == ' ' || *value == '\t'); left--)
                value++;
            while (left > 0 && (value[left - 1] == ' ' || value[left - 1] == '\t' || value[left - 1] == '\r'))
                left--;
            if (!text_copy_bytes(room, room_size, value, left))
                room[0] = '\0';
            return room;
        }
        line = next;
    }
    return NULL;
}

/* "POST /hooks/NAME?QUERY HTTP/1.1". False: no name that could be a hook's. */
static bool find_name(struct head head, char name[NAME_MAX_BYTES])
{
    static const char before[] = "POST /hooks/";
    size_t skip = sizeof before - 1, size = 0;
    if (head.size <= skip || memcmp(head.at, before, skip) != 0)
        return false;
    while (skip + size < head.size && strchr("? \r\n", head.at[skip + size]) == NULL)
        size++;
    return text_copy_bytes(name, NAME_MAX_BYTES, head.at + skip, size) && text_is_name(name);
}

enum wire_fault hook_head_judge(const struct front *front, struct evbuffer *text, uint64_t length)
{
    char name[NAME_MAX_BYTES], signature[HOOK_SIGNATURE_BYTES], timestamp[HOOK_TIME_BYTES],
        delivery[HOOK_DELIVERY_BYTES];
    const struct public_hook *hook;
    struct hook_claim claim;
    struct head head = { (const char *)evbuffer_pullup(text, -1), evbuffer_get_length(text) };
    if (length > HOOK_BODY_MAX_BYTES || head.at == NULL || !find_name(head, name))
        return WIRE_BODY_TOO_LARGE;
    const struct hook_scheme *scheme = hook_scheme_for(front, name, &hook);
    const struct hook_headers headers = { find_field(head, scheme->signature, signature, sizeof signature),
                                          find_field(head, scheme->timestamp, timestamp, sizeof timestamp),
                                          find_field(head, scheme->delivery, delivery, sizeof delivery) };
    return hook_claim_read(scheme, &headers, &claim) == HOOK_GENUINE ? WIRE_FINE : WIRE_HOOK_UNPROVEN;
}
