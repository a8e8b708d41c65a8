/* Bounded text: copying, quoting what strangers wrote, and the spellings that several places share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies with a closing NUL. False, and an empty destination, if it does not fit: never cut silently. */
bool text_copy(char *to, size_t room, const char *from);
bool text_copy_bytes(char *to, size_t room, const void *from, size_t size);

/*
 * Escapes for the inside of a JSON string; what is not UTF-8 becomes U+FFFD, and what does not fit is cut before a
 * whole escape. Returns the number of bytes written without the closing NUL.
 */
size_t text_quote_json(const char *from, size_t size, char *to, size_t room);

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(const void *data, size_t size);

/* [a-z][a-z0-9-]{0,62}: what commands, tokens and callbacks are called. */
bool text_is_name(const char *text);

/* Shell-style match of a whole text: `*` stands for any run of characters, all else for itself. */
bool text_glob(const char *pattern, const char *text);

/* Lower-case hex of size bytes into room for 2 * size + 1. */
void text_hex(const void *data, size_t size, char *to);
bool text_unhex(const char *text, size_t size, uint8_t *to);

/* RFC 4648 section 4, padded, into room for 4 * ((size + 2) / 3) + 1. */
void text_base64(const uint8_t *data, size_t size, char *to);

/* The same back, with nothing between; false also when it needs more than room bytes. */
bool text_unbase64(const char *text, uint8_t *to, size_t room, size_t *ret_size);

/* A decimal number from the whole text, without sign, blank or leading zero ("0" itself is fine). */
bool text_u64(const char *text, uint64_t max, uint64_t *ret_number);

/* "30s", "1500ms", "10m", "2h", "7d": a unit is required. False on anything else or overflow. */
bool text_duration_ms(const char *text, uint64_t *ret_ms);

/* "512MiB", "64KiB", "1GiB", "100B": a binary unit is required. */
bool text_size_bytes(const char *text, uint64_t *ret_bytes);

/*
 * The distance of Levenshtein, for "did you mean"; texts above 63 bytes are far from everything.
 */
unsigned text_distance(const char *left, const char *right);
