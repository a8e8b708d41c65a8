/*
 * A job's output as the keeper hands it over: two read-only files, used with pread(2) alone, and how much of them is whole.
 * Format: include/sallyport/proto/output_log.h. Offsets are those of the log, unless they are called a stream's.
 *
 * Functions that read return -errno, and -EBADMSG for an index that contradicts itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sallyport/proto/output_log.h"

#define OUTPUT_LOG_CACHE 32 /* records; a reader keeps 1 KiB of the index */

struct output_log {
    int bytes_fd, index_fd; /* owned */
    uint64_t base;          /* where it begins in its file: 0, but for a window */
    uint64_t bytes;         /* all below is there */
    uint32_t records;
    bool is_complete; /* and nothing will be added */
    uint32_t cache_from, cache_count;
    uint8_t cache[OUTPUT_LOG_CACHE * OUTPUT_RECORD_BYTES];
};

/* What one record covers: [from, to) of one stream. */
struct output_extent {
    uint64_t from, to;
    uint64_t stream_offset; /* of `from` */
    uint64_t unix_us;
    uint32_t stream;
};

void output_log_init(struct output_log *log, int bytes_fd, int index_fd);
void output_log_done(struct output_log *log);

/* Shows a part of the file as a log of its own, without an index and of one stream, which is all that will be. */
void output_log_show_window(struct output_log *log, uint64_t base, uint64_t bytes);

/* The first bytes of what stands in the place of the index. */
int output_log_read_index(const struct output_log *log, void *to, size_t size);

/* False if it shrank, which no log does. */
bool output_log_grow(struct output_log *log, uint64_t bytes, uint32_t records, bool is_complete);

int output_log_extent(struct output_log *log, uint32_t record, struct output_extent *ret_extent);

/* The record that covers offset, or log->records at the end of the log. */
int output_log_find(struct output_log *log, uint64_t offset, uint32_t *ret_record);

/* How long one stream is by now, or was at an offset of the log. */
int output_log_stream_bytes(struct output_log *log, uint32_t stream, uint64_t *ret_bytes);
int output_log_position(struct output_log *log, uint32_t stream, uint64_t offset, uint64_t *ret_position);

/* Where in the log the byte with this stream offset is; the log's end for the stream's end. */
int output_log_find_in_stream(struct output_log *log, uint32_t stream, uint64_t position, uint64_t *ret_offset);

/*
 * Where the last `lines` lines begin, of one stream or (0) of both in order. A last line without newline counts. Looks back
 * 16 MiB at most, and over as much of the index for one stream, and begins there if that is not enough.
 */
int output_log_tail(struct output_log *log, uint32_t stream, uint64_t lines, uint64_t *ret_offset);

/* Reads exactly size bytes, all of which must be below log->bytes. */
int output_log_read(const struct output_log *log, uint64_t offset, void *to, size_t size);
