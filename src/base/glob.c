#include "sallyport/base/glob.h"

#include <string.h>

#include "sallyport/base/text.h"

static bool is_dots(const char *component, size_t size)
{
    return (size == 1 && component[0] == '.') || (size == 2 && component[0] == '.' && component[1] == '.');
}

/* The set that begins at `[`: behind its `]`, or NULL when it has none. A `]` that comes first is one of the set. */
static const char *set_end(const char *set, const char *end)
{
    const char *at = set + 1;
    if (at < end && *at == '!')
        at++;
    if (at < end && *at == ']')
        at++;
    while (at < end && *at != ']')
        at++;
    return at < end ? at + 1 : NULL;
}

static const char *component_fault(const char *component, size_t size)
{
    const char *end = component + size;
    if (size == 0)
        return "an empty component: no slash at the beginning or the end, and no two in a row";
    if (is_dots(component, size))
        return "'.' and '..' are no names of files";
    for (const char *at = component; at < end; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '\\')
            return "a control character or a backslash";
        if (*at == '*' && at + 1 < end && at[1] == '*')
            return "'**' is not known here: write one component for each level";
        if (*at != '[')
            continue;
        const char *behind = set_end(at, end);
        if (behind == NULL)
            return "a '[' without ']'";
        for (const char *in = at; in < behind; in++)
            if ((unsigned char)*in < 0x20 || (unsigned char)*in >= 0x7f || *in == '\\')
                return "a set may hold printable ASCII, and no backslash";
        at = behind - 1;
    }
    return NULL;
}

const char *glob_fault(const char *pattern)
{
    size_t length = strlen(pattern);
    if (length == 0 || length >= GLOB_MAX_BYTES)
        return "a pattern has 1 to 255 bytes";
    if (pattern[0] == '/')
        return "a pattern is relative to the job's working directory, so it does not begin with a slash";
    if (!text_is_utf8(pattern, length))
        return "it is no UTF-8";
    for (unsigned depth = 1;; depth++) {
        size_t size = strcspn(pattern, "/");
        const char *fault = component_fault(pattern, size);
        if (fault != NULL)
            return fault;
        if (depth > GLOB_DEPTH_MAX)
            return "it has more than 8 components";
        if (pattern[size] == '\0')
            return NULL;
        pattern += size + 1;
    }
}

bool glob_is_plain(const char *component, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (component[i] == '*' || component[i] == '?' || component[i] == '[')
            return false;
    return true;
}

/* Whether the set at *set has the byte; *set moves behind it. */
static bool set_has(const char **set, const char *end, char byte)
{
    const char *at = *set + 1, *behind = set_end(*set, end);
    *set = behind;
    bool is_negated = *at == '!', is_in = false;
    if (is_negated)
        at++;
    for (; at < behind - 1; at++) {
        bool is_range = at + 2 < behind - 1 && at[1] == '-';
        is_in |= is_range ? at[0] <= byte && byte <= at[2] : *at == byte;
        if (is_range)
            at += 2;
    }
    return is_in != is_negated;
}

/* Of the character that begins here: its bytes, or one for what is no UTF-8. */
static size_t character_bytes(const char *name)
{
    size_t size = 1;
    if ((unsigned char)name[0] >= 0xc0)
        while (size < 4 && ((unsigned char)name[size] & 0xc0) == 0x80)
            size++;
    return size;
}

/* One character of the pattern against one of the name; both move on when they fit. */
static bool step(const char **pattern, const char *end, const char **name)
{
    if (*pattern == end || **name == '\0')
        return false;
    if (**pattern == '?') {
        ++*pattern;
        *name += character_bytes(*name);
        return true;
    }
    if (**pattern == '[') {
        const char *at = *pattern;
        if (!set_has(&at, end, **name))
            return false;
        *pattern = at;
        *name += character_bytes(*name);
        return true;
    }
    if (**pattern != **name)
        return false;
    ++*pattern;
    ++*name;
    return true;
}

/* Only the last `*` is ever tried again: what an earlier one could take, the later can. */
bool glob_matches(const char *component, size_t size, const char *name)
{
    const char *at = component, *end = component + size, *star = NULL, *resumed = NULL;
    if (name[0] == '.' && component[0] != '.')
        return false;
    while (*name != '\0' || at < end) {
        if (at < end && *at == '*') {
            star = ++at;
            resumed = name;
        } else if (!step(&at, end, &name)) {
            if (star == NULL || *resumed == '\0')
                return false;
            at = star;
            name = ++resumed;
        }
    }
    return true;
}
