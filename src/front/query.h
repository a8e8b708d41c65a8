/*
 * The query string of a request: strictly decoded, each key once. Own code, for evhttp's parser fails wholly on a key
 * without '=', leaves keys encoded and cuts values at %00.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define QUERY_MAX_BYTES 4096
#define QUERY_MAX_PAIRS 24

struct query {
    unsigned count;
    struct {
        const char *key, *value; /* into text */
        size_t size;             /* of the value, without its NUL */
        bool is_bytes;           /* the value may be anything, and hold a NUL */
    } pairs[QUERY_MAX_PAIRS];
    char text[QUERY_MAX_BYTES];
};

/*
 * Decodes "a=b&c=d" ('+' is a blank, %XX a byte). NULL is an empty query. On failure `ret_why` is a sentence for people:
 * a broken escape, a control character, what is not UTF-8, a key that comes twice, too long.
 */
bool query_parse(const char *raw, struct query *ret_query, const char **ret_why);

/* The same where the value of one key may be any bytes. */
bool query_parse_bytes(const char *raw, const char *bytes_key, struct query *ret_query, const char **ret_why);

/* The value, or NULL. NULL for the key of bytes, which are no text. */
const char *query_get(const struct query *query, const char *key);

/* Any value, as bytes, or NULL. */
const void *query_get_bytes(const struct query *query, const char *key, size_t *ret_size);

/* Decodes %XX in place of size bytes at most; -1 for a broken escape. Returns the decoded size. */
long percent_decode(const char *from, size_t size, bool plus_is_blank, char *to);

/* Appends text to `to` (room bytes) with all but unreserved characters escaped. False if it does not fit. */
bool percent_encode(const char *text, char *to, size_t room);
