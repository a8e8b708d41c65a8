/* Rows of the table of keys, found by their place in the tree and by what a person may have meant. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "sallyport/base/text.h"

const char *key_name(const struct key *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot != NULL ? dot + 1 : key->path;
}

static bool is_child(const char *parent, const char *path)
{
    size_t length = strlen(parent);
    if (length > 0) {
        if (strncmp(path, parent, length) != 0 || path[length] != '.')
            return false;
        path += length + 1;
    }
    return strchr(path, '.') == NULL;
}

const struct key *key_next_child(const char *parent, const struct key *previous)
{
    for (const struct key *key = previous != NULL ? previous + 1 : keys; key < keys + key_count; key++)
        if (is_child(parent, key->path))
            return key;
    return NULL;
}

const struct key *key_find_child(const char *parent, const char *name)
{
    const struct key *key = key_next_child(parent, NULL);
    while (key != NULL && strcmp(key_name(key), name) != 0)
        key = key_next_child(parent, key);
    return key;
}

bool key_exists(const char *path)
{
    for (const struct key *key = keys; key < keys + key_count; key++)
        if (strcmp(key->path, path) == 0)
            return true;
    return false;
}

const struct key *key_find(const char *path)
{
    const struct key *key = keys;
    while (key < keys + key_count && strcmp(key->path, path) != 0)
        key++;
    assert(key < keys + key_count);
    return key;
}

bool is_near(const char *wrong, const char *right, unsigned *best)
{
    unsigned length = (unsigned)strlen(wrong), limit = length < 3 ? 1 : length < 6 ? 2 : 3;
    unsigned distance = text_distance(wrong, right);
    if (distance > limit || distance >= length || distance >= *best)
        return false;
    *best = distance;
    return true;
}

const char *key_nearest(const char *parent, const char *name)
{
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;
    for (const struct key *key = key_next_child(parent, NULL); key != NULL; key = key_next_child(parent, key))
        if (is_near(name, key_name(key), &best))
            nearest = key_name(key);
    return nearest;
}

struct unit {
    uint64_t factor;
    const char *name;
};

const char *key_bound_text(const struct key *key, uint64_t bound, char text[BOUND_TEXT_BYTES])
{
    static const struct unit times[] = {
        { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" }
    };
    static const struct unit sizes[] = {
        { 1ull << 40, "TiB" }, { 1ull << 30, "GiB" }, { 1ull << 20, "MiB" }, { 1024, "KiB" }, { 1, "B" },
    };
    static const struct unit plain[] = { { 1, "" } };
    if (key->type == KEY_DECIMAL) {
        size_t length = (size_t)snprintf(text, BOUND_TEXT_BYTES, "%" PRIu64 ".%03" PRIu64, bound / 1000, bound % 1000);
        while (text[length - 1] == '0')
            text[--length] = '\0';
        if (text[length - 1] == '.')
            text[length - 1] = '\0';
        return text;
    }
    const struct unit *unit = key->type == KEY_DURATION ? times : key->type == KEY_SIZE ? sizes : plain;
    while (bound % unit->factor != 0 || (bound == 0 && unit->factor > 1000))
        unit++;
    snprintf(text, BOUND_TEXT_BYTES, "%" PRIu64 "%s", bound / unit->factor, unit->name);
    return text;
}
