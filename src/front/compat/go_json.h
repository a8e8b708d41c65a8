/*
 * JSON as Go's encoding/json reads it, for the clients of programs written in Go: one value, whatever stands behind it; names
 * of members in any case, of which the last one counts; members that nobody knows mean nothing, and null is as good as absent.
 * But a NUL in a text, which no program can be given, makes a document none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* An object, owned; `null` is an empty one. NULL: it is none. */
json_t *go_json_read(const void *data, size_t size);

/* Nothing but white space, which is EOF. */
bool go_json_is_blank(const void *data, size_t size);

/* The member, borrowed; NULL when it is absent or null. */
json_t *go_json_member(json_t *object, const char *name);
