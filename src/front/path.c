#include "path.h"

#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"

#include "query.h"

static bool target_is_plain(const char *target)
{
    for (const char *c = target; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f || *c == '#' || *c == '\\')
            return false;
    return target[0] == '/';
}

static bool segment_is_plain(const char *segment, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)segment[i] < 0x20 || segment[i] == 0x7f || segment[i] == '/' || segment[i] == '\\')
            return false;
    return !(size == 1 && segment[0] == '.') && !(size == 2 && segment[0] == '.' && segment[1] == '.');
}

bool path_parse(const char *target, struct path *ret_path, const char **ret_query, const char **ret_why)
{
    ret_path->begin = ret_path->count = 0;
    if (!target_is_plain(target)) {
        *ret_why = "the target is not a plain absolute path";
        return false;
    }
    const char *query = strchr(target, '?');
    const char *end = query != NULL ? query : target + strlen(target);
    *ret_query = query != NULL ? query + 1 : NULL;
    if ((size_t)(end - target) >= sizeof ret_path->text) {
        *ret_why = "the path is too long";
        return false;
    }
    char *at = ret_path->text;
    for (const char *from = target; from < end;) {
        from++; /* the slash */
        const char *slash = memchr(from, '/', (size_t)(end - from));
        size_t size = (size_t)((slash != NULL ? slash : end) - from);
        long length = percent_decode(from, size, false, at);
        if (length < 0 || !segment_is_plain(at, (size_t)length)) {
            *ret_why = "the path holds a broken escape, a dot segment, an encoded slash or a control character";
            return false;
        }
        if (ret_path->count == PATH_SEGMENTS_MAX) {
            *ret_why = "the path has too many segments";
            return false;
        }
        at[length] = '\0';
        ret_path->segments[ret_path->count++] = at;
        at += length + 1;
        from += size;
    }
    return true;
}

static bool segment_matches(const char *segment, const char *pattern, size_t size, struct path_match *ret_match)
{
    if (size == 6 && memcmp(pattern, "{name}", 6) == 0)
        return text_is_name(segment) && text_copy(ret_match->name, sizeof ret_match->name, segment);
    if (size == 4 && memcmp(pattern, "{id}", 4) == 0)
        return job_id_parse(segment, &ret_match->job_id);
    if (size == 6 && memcmp(pattern, "{word}", 6) == 0)
        return segment[0] != '\0' && text_copy(ret_match->rest, sizeof ret_match->rest, segment);
    return strlen(segment) == size && memcmp(segment, pattern, size) == 0;
}

static void join_rest(const struct path *path, unsigned from, struct path_match *ret_match)
{
    char *at = ret_match->rest;
    size_t left = sizeof ret_match->rest;
    for (unsigned i = from; i < path->count; i++) {
        size_t size = strlen(path->segments[i]);
        if (size + 2 > left) {
            ret_match->rest[0] = '\0';
            return;
        }
        memcpy(at, path->segments[i], size);
        at[size] = i + 1 < path->count ? '/' : '\0';
        at += size + 1;
        left -= size + 1;
    }
}

bool path_matches(const struct path *path, const char *pattern, struct path_match *ret_match)
{
    unsigned i = path->begin;
    while (*pattern == '/') {
        pattern++;
        size_t size = strcspn(pattern, "/");
        if (i >= path->count)
            return false;
        if (size == 6 && (memcmp(pattern, "{rest}", 6) == 0 || memcmp(pattern, "{path}", 6) == 0)) {
            join_rest(path, i, ret_match);
            return true;
        }
        if (!segment_matches(path->segments[i], pattern, size, ret_match))
            return false;
        pattern += size;
        i++;
    }
    return i == path->count;
}

bool path_enter(struct path *path, const char *prefix)
{
    unsigned i = 0;
    while (*prefix == '/') {
        prefix++;
        size_t size = strcspn(prefix, "/");
        if (i >= path->count || strlen(path->segments[i]) != size || memcmp(path->segments[i], prefix, size) != 0)
            return false;
        prefix += size;
        i++;
    }
    path->begin = i;
    return i < path->count;
}
