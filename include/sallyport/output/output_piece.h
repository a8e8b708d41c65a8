/*
 * Output cut into pieces that fit one JSON record each: bytes of one stream, together with where and when they came.
 *
 * A piece starts in one record of the index and ends with it, or after OUTPUT_PIECE_MAX bytes. If its last bytes are only
 * the start of a UTF-8 sequence, they are left for the next piece; if nothing else is left of the record, the piece runs on
 * into the next record of the same stream, or waits for it while the log grows. So text stays text wherever the keeper
 * happened to cut, and at most 3 bytes are held back. What is still no UTF-8, or holds a NUL, goes as base64.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_log;

#define OUTPUT_PIECE_MAX (32 * 1024)

/* Where a reader stands. */
struct output_cursor {
    uint64_t at;        /* the next byte, in the log */
    uint32_t record;    /* the one that covers it, or an earlier one */
    uint32_t only;      /* enum output_stream, 0 for both */
    uint32_t piece_max; /* bytes of a piece; 0, or more than that: OUTPUT_PIECE_MAX */
};

struct output_piece {
    uint64_t offset;
    uint64_t unix_us;
    uint32_t stream;
    bool is_text;
    size_t size;
    const uint8_t *data; /* lasts until the next call */
};

/*
 * 1 and a piece, with the cursor behind it; 0 when there is none now; -errno. `to` is the end of the view: at most log->bytes;
 * `grows`: more may come behind it.
 */
int output_piece_next(struct output_log *log, struct output_cursor *cursor, uint64_t to, bool grows,
                      struct output_piece *ret_piece);

/* The next stretch of bytes of the view without looking at them: [cursor->at, +*ret_size). 1, 0, -errno. The caller moves at. */
int output_stretch_next(struct output_log *log, struct output_cursor *cursor, uint64_t to, size_t max,
                        size_t *ret_size);

/* `{"type":"output",...}` without newline; at most OUTPUT_JSON_MAX bytes. Lasts until the next call. */
#define OUTPUT_JSON_BYTES(piece_bytes) (6 * (piece_bytes) + 256)
#define OUTPUT_JSON_MAX                OUTPUT_JSON_BYTES(OUTPUT_PIECE_MAX)
const char *output_piece_json(const struct output_piece *piece, size_t *ret_size);
