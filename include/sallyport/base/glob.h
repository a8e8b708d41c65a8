/*
 * Patterns of paths below one directory, one component after the other: `*` stands for any run of characters, `?` for one,
 * `[a-z]` for one of a set and `[!a-z]` for one that is not of it. None of them stands for a slash, or for a dot at the
 * beginning of a name. There is no `**`: a pattern looks as deep as it is long.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define GLOB_MAX_BYTES 256 /* with the closing NUL */
#define GLOB_DEPTH_MAX 8   /* components; a path of the API has room for as many behind a job's id */

/* NULL, or what is wrong with the pattern: a path that is absolute, that goes up, or that two readers could read differently. */
const char *glob_fault(const char *pattern);

/* Whether the component stands for one name: then nothing needs to be listed. */
bool glob_is_plain(const char *component, size_t size);

/* The component, as glob_fault() took it, against one name. */
bool glob_matches(const char *component, size_t size, const char *name);
