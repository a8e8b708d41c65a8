/*
 * One stream of a job's output as the text of a JSON document, piece by piece: a character that was cut when it was written
 * is whole again, and bytes that are no UTF-8 become U+FFFD.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sallyport/output/output_piece.h"

struct output_log;

struct output_text {
    struct output_cursor cursor;
    uint8_t carry[3]; /* the beginning of a character whose end is in the next piece */
    size_t carry_size;
};

/* stream: enum output_stream. piece_max: bytes of the log that a piece has at most; 0 for OUTPUT_PIECE_MAX. */
void output_text_begin(struct output_text *text, uint32_t stream, uint32_t piece_max);

/*
 * 1: a piece is in ret_text, escaped, and more may follow; 0: the last one is, which may be empty; -errno. log: NULL for no
 * output. The text lasts until the next call and has no NUL behind it.
 */
int output_text_next(struct output_log *log, struct output_text *text, const char **ret_text, size_t *ret_size);
