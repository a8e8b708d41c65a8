/*
 * Header fields that we send: which names and values are taken. Pure functions over untrusted text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A token of RFC 9110 section 5.6.2 of at most 64 bytes. */
bool http_field_name_is_good(const char *name, size_t size);

/* Printable ASCII and blanks, none at either end, not empty, at most 1024 bytes: nothing that could end the line. */
bool http_field_value_is_good(const char *value, size_t size);

/* "type/subtype" in lower case; with `has_rest` parameters may follow, such as "; charset=utf-8". At most 127 bytes. */
bool http_media_type_is_good(const char *text, bool has_rest);

/* Fields that say where a message goes or where it ends: whoever writes the message makes them, and nobody else. */
bool http_field_is_framing(const char *name, size_t size);
