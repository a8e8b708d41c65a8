#include "place.h"

#include <stdbool.h>
#include <string.h>

struct scan {
    const char *at, *end;
};

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n:,", *scan->at) != NULL && *scan->at != '\0')
        scan->at++;
}

/* Behind the quote that ends the string which begins here. */
static void skip_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++)
        if (*scan->at == '\\' && scan->at + 1 < scan->end)
            scan->at++;
    if (scan->at < scan->end)
        scan->at++;
}

/* Behind the value that begins here; brackets are counted, whatever their kind, for the text is known to be JSON. */
static void skip_value(struct scan *scan)
{
    size_t depth = 0;
    do {
        skip_blanks(scan);
        if (scan->at == scan->end)
            return;
        char first = *scan->at;
        if (first == '"') {
            skip_string(scan);
            continue;
        }
        if (first == '{' || first == '[')
            depth++;
        else if (first == '}' || first == ']')
            depth -= depth > 0;
        scan->at++;
        if (strchr("{}[]", first) == NULL)
            while (scan->at < scan->end && strchr(" \t\r\n:,{}[]\"", *scan->at) == NULL)
                scan->at++;
    } while (depth > 0);
}

/* From the bracket of an object to the value of one of its keys. */
static bool enter_key(struct scan *scan, const char *key)
{
    size_t length = strlen(key);
    if (scan->at == scan->end || *scan->at != '{')
        return false;
    for (scan->at++;;) {
        skip_blanks(scan);
        if (scan->at == scan->end || *scan->at != '"')
            return false;
        const char *name = scan->at + 1;
        skip_string(scan);
        bool is_it = (size_t)(scan->at - name) == length + 1 && memcmp(name, key, length) == 0;
        skip_blanks(scan);
        if (is_it)
            return scan->at < scan->end;
        skip_value(scan);
    }
}

/* From the bracket of a list to one of its items. */
static bool enter_item(struct scan *scan, size_t index)
{
    if (scan->at == scan->end || *scan->at != '[')
        return false;
    for (scan->at++;; index--) {
        skip_blanks(scan);
        if (scan->at == scan->end || *scan->at == ']')
            return false;
        if (index == 0)
            return true;
        skip_value(scan);
    }
}

/* As far down as the place names a way and the text has one; `scan` stays at the last value that was found. */
static void descend(const struct place *place, struct scan *scan)
{
    const struct {
        const char *key;
        size_t item;
    } steps[] = { { place->top, place->entry }, { place->list, place->item }, { place->key, SIZE_MAX } };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct scan next = *scan;
        if (steps[i].key == NULL || !enter_key(&next, steps[i].key))
            return;
        *scan = next;
        if (steps[i].item == SIZE_MAX)
            continue;
        if (!enter_item(&next, steps[i].item))
            return;
        *scan = next;
    }
}

uint32_t place_line(const struct place *place, const char *text, size_t size)
{
    struct scan scan = { text, text + size };
    uint32_t line = 1;
    skip_blanks(&scan);
    descend(place, &scan);
    for (const char *at = text; at < scan.at; at++)
        line += *at == '\n';
    return line;
}
