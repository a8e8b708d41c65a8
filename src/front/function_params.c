/*
 * Parameters of a function as "a=b&c=d", which knows no types: each value is sent as what the parameter's schema says it should
 * be, and the keeper finds out whether it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#include "function.h"
#include "json_members.h"
#include "problem.h"
#include "query.h"

#define PAIRS_MAX 2048

struct pair {
    const char *key;
    struct span value;
    bool is_taken;
};

struct pairs {
    struct pair *list;
    size_t count;
    char *text; /* what they view */
    size_t text_bytes;
};

static void pairs_done(struct pairs *pairs)
{
    free(pairs->list);
    if (pairs->text != NULL)
        explicit_bzero(pairs->text, pairs->text_bytes); /* parameters may be secrets */
    free(pairs->text);
}

static int bad(struct problem *problem, bool is_query, const char *why)
{
    problem_init(problem, is_query ? "bad-query" : "bad-request", "The %s %s.", is_query ? "query" : "form", why);
    return -EINVAL;
}

/* Decoded in place. False: it is not well-formed. */
static bool take_part(char **at, const char *from, size_t size, struct span *ret_part)
{
    long length = percent_decode(from, size, true, *at);
    if (length < 0)
        return false;
    (*at)[length] = '\0';
    *ret_part = (struct span){ (const uint8_t *)*at, (uint32_t)length };
    *at += length + 1;
    return true;
}

static bool is_key(struct span key)
{
    return key.size > 0 && memchr(key.data, '\0', key.size) == NULL && text_is_utf8(key.data, key.size);
}

static int split(const char *raw, size_t size, bool is_query, struct pairs *pairs, struct problem *problem)
{
    char *at = pairs->text;
    for (const char *end = raw + size, *pair = raw; pair < end; pairs->count++) {
        const char *next = memchr(pair, '&', (size_t)(end - pair));
        size_t pair_size = (size_t)((next != NULL ? next : end) - pair);
        const char *equals = memchr(pair, '=', pair_size);
        size_t key_size = equals != NULL ? (size_t)(equals - pair) : pair_size;
        struct span key, value = { 0 };
        if (pairs->count == PAIRS_MAX)
            return bad(problem, is_query, "holds too many values");
        if (!take_part(&at, pair, key_size, &key) ||
            !take_part(&at, equals != NULL ? equals + 1 : "", equals != NULL ? pair_size - key_size - 1 : 0, &value))
            return bad(problem, is_query, "holds a '%' without two hexadecimal digits");
        if (!is_key(key))
            return bad(problem, is_query, "holds a key that is empty or no text");
        pairs->list[pairs->count] = (struct pair){ (const char *)key.data, value, false };
        pair = next != NULL ? next + 1 : end;
    }
    return 0;
}

/* Words for true and false that people write, as the command line takes them. */
static struct span boolean(struct span value)
{
    static const char *const words[][2] = { { "1", "true" },  { "yes", "true" }, { "on", "true" },
                                            { "0", "false" }, { "no", "false" }, { "off", "false" } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_is(value, words[i][0]))
            return (struct span){ (const uint8_t *)words[i][1], (uint32_t)strlen(words[i][1]) };
    return value;
}

static bool is_whole(struct span value)
{
    for (uint32_t i = 0; i < value.size; i++)
        if ((value.data[i] < '0' || value.data[i] > '9') && (i > 0 || value.data[i] != '-'))
            return false;
    return value.size > 0;
}

/* Whether there was room. */
static bool add_value(struct writer *out, const json_t *schema, const struct pair *pair, uint8_t kind_base)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    struct span value = pair->value, name = { (const uint8_t *)pair->key, (uint32_t)strlen(pair->key) };
    uint8_t kind = ENTRY_STRING;
    if (type != NULL && strcmp(type, "integer") == 0)
        kind = ENTRY_INTEGER;
    else if (type != NULL && strcmp(type, "number") == 0)
        kind = is_whole(value) ? ENTRY_INTEGER : ENTRY_REAL;
    else if (type != NULL && strcmp(type, "boolean") == 0)
        kind = ENTRY_BOOL;
    if (kind == ENTRY_BOOL)
        value = boolean(value);
    return entries_add(out, (uint8_t)(kind_base + kind), name, value, (struct span){ 0 });
}

static bool add_list(struct writer *out, const json_t *schema, struct pairs *pairs, const char *key)
{
    if (!entries_add_text(out, ENTRY_LIST, key, "", ""))
        return false;
    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->list[i].key, key) != 0)
            continue;
        pairs->list[i].is_taken = true;
        if (!add_value(out, json_object_get(schema, "items"), &pairs->list[i], ENTRY_ITEM))
            return false;
    }
    return true;
}

static void add_fault(struct problem *problem, const char *key, const char *code, const char *detail)
{
    json_fault(problem, "/params", key, code, detail);
}

/* What a URL may not bring, whatever its value; NULL: nothing is wrong. */
static const char *why_not_in_query(const json_t *schema)
{
    if (schema == NULL)
        return "is no parameter of this function";
    return json_is_true(json_object_get(schema, "writeOnly")) ? "is a secret, and URLs are written into logs" : NULL;
}

static int add_pairs(struct call *call, struct pairs *pairs, bool is_query, struct problem *problem)
{
    bool has_room = true;
    problem_init(problem, is_query ? "bad-query" : "params-invalid", "The %s has faults, see errors.",
                 is_query ? "query" : "form");
    for (size_t i = 0; i < pairs->count && has_room; i++) {
        const struct pair *pair = &pairs->list[i];
        const json_t *schema = json_object_get(json_object_get(call->schema, "properties"), pair->key);
        const char *type = json_string_value(json_object_get(schema, "type"));
        const char *why = is_query ? why_not_in_query(schema) : NULL;
        if (pair->is_taken)
            continue;
        if (why != NULL)
            add_fault(problem, pair->key, schema == NULL ? "unknown" : "secret", why);
        else if (type != NULL && strcmp(type, "array") == 0)
            has_room = add_list(&call->params, schema, pairs, pair->key);
        else
            has_room = add_value(&call->params, schema, pair, 0);
    }
    if (!has_room)
        add_fault(problem, NULL, "too_large", "all parameters together are above 48 KiB; larger data goes by stdin");
    return problem->errors == NULL ? 0 : -EINVAL;
}

static int add_text(struct call *call, const char *raw, size_t size, bool is_query, struct problem *problem)
{
    struct pairs pairs = { .list = calloc(PAIRS_MAX, sizeof *pairs.list), .text_bytes = size + 2 * PAIRS_MAX };
    pairs.text = malloc(pairs.text_bytes);
    int done = 0;
    if (pairs.list == NULL || pairs.text == NULL) {
        problem_init(problem, "internal", "Memory is short.");
        done = -EINVAL;
    }
    if (done == 0)
        done = split(raw, size, is_query, &pairs, problem);
    if (done == 0)
        done = add_pairs(call, &pairs, is_query, problem);
    pairs_done(&pairs);
    return done;
}

int function_add_query(struct call *call, const char *query, struct problem *problem)
{
    return query == NULL || query[0] == '\0' ? 0 : add_text(call, query, strlen(query), true, problem);
}

int function_add_form(struct call *call, const void *body, size_t size, struct problem *problem)
{
    return add_text(call, body, size, false, problem);
}
