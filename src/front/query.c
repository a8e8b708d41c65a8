#include "query.h"

#include <string.h>

#include "sallyport/base/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

long percent_decode(const char *from, size_t size, bool plus_is_blank, char *to)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = from[i];
        if (c == '%') {
            if (size - i < 3 || hex_digit(from[i + 1]) < 0 || hex_digit(from[i + 2]) < 0)
                return -1;
            c = (char)(hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        to[used++] = c;
    }
    return (long)used;
}

bool percent_encode(const char *text, char *to, size_t room)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    size_t used = strlen(to);
    for (; *text != '\0'; text++) {
        if (room - used < 4)
            return false;
        if (strchr(unreserved, *text) != NULL) {
            to[used++] = *text;
        } else {
            to[used++] = '%';
            to[used++] = digits[(unsigned char)*text >> 4];
            to[used++] = digits[(unsigned char)*text & 15];
        }
        to[used] = '\0';
    }
    return true;
}

/* NULL, or what is wrong with it as a text. */
static const char *judge_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return "the query holds a control character";
    return text_is_utf8(text, size) ? NULL : "the query is not UTF-8";
}

/* One decoded key or value with its closing NUL, or NULL with a reason. */
static const char *query_part(const char *from, size_t size, bool is_bytes, char **at, const char **ret_why)
{
    char *part = *at;
    long length = percent_decode(from, size, true, part);
    const char *why = NULL;
    if (length < 0)
        why = "the query holds a '%' without two hexadecimal digits";
    else if (!is_bytes)
        why = judge_text(part, (size_t)length);
    if (why != NULL) {
        *ret_why = why;
        return NULL;
    }
    part[length] = '\0';
    *at = part + length + 1;
    return part;
}

bool query_parse(const char *raw, struct query *ret_query, const char **ret_why)
{
    return query_parse_bytes(raw, NULL, ret_query, ret_why);
}

bool query_parse_bytes(const char *raw, const char *bytes_key, struct query *ret_query, const char **ret_why)
{
    ret_query->count = 0;
    if (raw == NULL || raw[0] == '\0')
        return true;
    if (strlen(raw) + QUERY_MAX_PAIRS + 1 > sizeof ret_query->text) {
        *ret_why = "the query is too long";
        return false;
    }
    char *at = ret_query->text;
    for (const char *pair = raw; pair != NULL;) {
        const char *next = strchr(pair, '&');
        size_t size = next != NULL ? (size_t)(next - pair) : strlen(pair);
        const char *equals = memchr(pair, '=', size);
        size_t key_size = equals != NULL ? (size_t)(equals - pair) : size;
        if (key_size == 0 || ret_query->count == QUERY_MAX_PAIRS) {
            *ret_why = key_size == 0 ? "the query holds an empty key" : "the query holds too many keys";
            return false;
        }
        const char *key = query_part(pair, key_size, false, &at, ret_why);
        if (key == NULL)
            return false;
        bool is_bytes = bytes_key != NULL && strcmp(key, bytes_key) == 0;
        size_t value_size = equals != NULL ? size - key_size - 1 : 0;
        const char *value = query_part(equals != NULL ? equals + 1 : "", value_size, is_bytes, &at, ret_why);
        if (value == NULL)
            return false;
        if (query_get_bytes(ret_query, key, &value_size) != NULL) {
            *ret_why = "the query holds a key twice";
            return false;
        }
        ret_query->pairs[ret_query->count].key = key;
        ret_query->pairs[ret_query->count].value = value;
        ret_query->pairs[ret_query->count].size = (size_t)(at - value) - 1;
        ret_query->pairs[ret_query->count++].is_bytes = is_bytes;
        pair = next != NULL ? next + 1 : NULL;
    }
    return true;
}

static int find(const struct query *query, const char *key)
{
    for (unsigned i = 0; i < query->count; i++)
        if (strcmp(query->pairs[i].key, key) == 0)
            return (int)i;
    return -1;
}

const char *query_get(const struct query *query, const char *key)
{
    int i = find(query, key);
    return i >= 0 && !query->pairs[i].is_bytes ? query->pairs[i].value : NULL;
}

const void *query_get_bytes(const struct query *query, const char *key, size_t *ret_size)
{
    int i = find(query, key);
    if (i < 0)
        return NULL;
    *ret_size = query->pairs[i].size;
    return query->pairs[i].value;
}
