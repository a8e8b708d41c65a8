/*
 * The path of a request against the pattern of a route. The raw path is decoded once, segment by segment, and what two
 * parties could read differently is refused before any pattern is looked at.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/job_id.h"
#include "sallyport/limits.h"

#define PATH_SEGMENTS_MAX 12

struct path {
    unsigned begin; /* the first segment that patterns are compared with */
    unsigned count;
    const char *segments[PATH_SEGMENTS_MAX]; /* decoded; into text */
    char text[PATH_MAX_BYTES];
};

/* What a pattern's placeholders matched. */
struct path_match {
    char name[NAME_MAX_BYTES]; /* {name}: of a command, [a-z][a-z0-9-]{0,62} */
    struct job_id job_id;      /* {id} */
    char rest[PATH_MAX_BYTES /
              2]; /* {word}; {rest} or {path}, with its slashes; "" if it is too long for the name of anything */
};

/*
 * Splits the target of a request line at '?'. False, with a sentence, for anything but an absolute path of printable ASCII
 * without '#', for broken escapes, and for segments that are ".", "..", or hold '/', '\' or control characters when
 * decoded. ret_query points to the raw query inside target, or is NULL.
 */
bool path_parse(const char *target, struct path *ret_path, const char **ret_query, const char **ret_why);

/*
 * Whether the path lies below `prefix`, "/runner" or "" for the root; then begin stands behind it. The prefix itself lies
 * not below it, but with a slash at its end it does.
 */
bool path_enter(struct path *path, const char *prefix);

/* `pattern`: "/v1/jobs/{id}/output"; "{word}" matches one segment that is not empty, "{rest}" or "{path}" as the last
 * one or more. */
bool path_matches(const struct path *path, const char *pattern, struct path_match *ret_match);
