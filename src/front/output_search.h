/*
 * A search through a job's output in slices that are short enough to go between the requests of others.
 *
 * With both streams a line is what stands between newlines in the log, whoever wrote it; with one of them, in that stream
 * alone. Only what was there when the search began is looked at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "line_finder.h"
#include "sallyport/output/output_piece.h"

struct evbuffer;
struct output_log;

#define SEARCH_BLOCK_BYTES (64 * 1024)

struct search_options {
    uint8_t text[LINE_FINDER_TEXT_MAX];
    size_t text_size;
    bool ignores_case;
    uint32_t only;   /* enum output_stream; 0: both */
    uint64_t offset; /* of the log, where the first line begins; not behind its end */
    uint32_t limit;  /* of matches */
};

struct output_search {
    struct output_log *log;
    struct output_cursor cursor; /* the next byte to be read */
    struct line_finder finder;   /* counts bytes of the view: of the log, or of its one stream */
    uint64_t from, to;           /* of the view: where it began, and how long the view is */
    uint32_t limit, matches;
    size_t size; /* of what was read, and not taken */
    uint8_t block[SEARCH_BLOCK_BYTES + LINE_FINDER_TEXT_MAX];
};

/* The log outlives the search. -errno. */
int output_search_start(struct output_search *search, struct output_log *log, const struct search_options *options);

/*
 * One slice: at most SEARCH_SLICE_BYTES are looked at, and at most STREAM_CHUNK_BYTES of records come out, one line each. 1: there
 * is more to do; 0: the last record, of type "end", is among them; -errno.
 */
#define SEARCH_SLICE_BYTES (256 * 1024)
int output_search_slice(struct output_search *search, struct evbuffer *out);
