#include "cursor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"

static bool is_filter(const char *key)
{
    return strcmp(key, "cursor") != 0 && strcmp(key, "limit") != 0;
}

static uint32_t digest_add(uint32_t digest, const char *text)
{
    do {
        digest = (digest ^ (unsigned char)*text) * 16777619u; /* FNV-1a */
    } while (*text++ != '\0');
    return digest;
}

static uint32_t filters_digest(const struct query *query)
{
    uint32_t sum = 0; /* of the pairs, so their order does not count */
    for (unsigned i = 0; i < query->count; i++)
        if (is_filter(query->pairs[i].key))
            sum += digest_add(digest_add(2166136261u, query->pairs[i].key), query->pairs[i].value);
    return sum;
}

const char *cursor_text(const struct job_id *last, const struct query *query, char text[CURSOR_BYTES])
{
    char id[JOB_ID_TEXT_BYTES];
    snprintf(text, CURSOR_BYTES, "%s%08x", job_id_text(last, id), filters_digest(query));
    return text;
}

bool cursor_parse(const char *text, const struct query *query, struct job_id *ret_last)
{
    char id[JOB_ID_TEXT_BYTES], expected[CURSOR_BYTES];
    struct job_id last;
    if (strlen(text) != JOB_ID_TEXT_BYTES - 1 + 8)
        return false;
    memcpy(id, text, JOB_ID_TEXT_BYTES - 1);
    id[JOB_ID_TEXT_BYTES - 1] = '\0';
    if (!job_id_parse(id, &last) || strcmp(cursor_text(&last, query, expected), text) != 0)
        return false;
    *ret_last = last;
    return true;
}

static bool append(char *to, size_t room, const char *text)
{
    size_t used = strlen(to);
    return text_copy(to + used, room - used, text);
}

bool cursor_link(const char *path, const struct query *query, const char *cursor, char *to, size_t room)
{
    to[0] = '\0';
    bool fits = append(to, room, "<") && append(to, room, path) && append(to, room, "?");
    for (unsigned i = 0; fits && i < query->count; i++) {
        if (strcmp(query->pairs[i].key, "cursor") == 0)
            continue;
        fits = percent_encode(query->pairs[i].key, to, room) && append(to, room, "=") &&
               percent_encode(query->pairs[i].value, to, room) && append(to, room, "&");
    }
    return fits && append(to, room, "cursor=") && append(to, room, cursor) && append(to, room, ">; rel=\"next\"");
}
