/* Output bytes as text: what is UTF-8, and the two ways in which a JSON string can hold bytes. Made for megabytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8_scan {
    bool is_text; /* all but the open end is UTF-8 without NUL */
    size_t open;  /* bytes at the end that may be the start of a sequence; 0 when not is_text */
};

struct utf8_scan utf8_scan(const uint8_t *data, size_t size);

/* Escapes what utf8_scan() found to be text; needs room for 6 * size. Returns the bytes written. */
size_t encode_json_text(const uint8_t *data, size_t size, char *to);

/*
 * The same of any bytes: what is no UTF-8 becomes U+FFFD, a byte at a time, and a NUL \\u0000. An open end counts as none.
 */
size_t encode_json_lossy(const uint8_t *data, size_t size, char *to);

/* How many bytes at the end, at most 3, are the start of a sequence that goes on behind them. */
size_t encode_open_end(const uint8_t *data, size_t size);

/* RFC 4648 section 4; needs room for (size + 2) / 3 * 4. */
size_t encode_base64(const uint8_t *data, size_t size, char *to);
