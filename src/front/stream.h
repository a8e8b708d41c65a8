/*
 * A job's output to a client, in one of four formats, from any offset, once or following. The log is the buffer: the next
 * chunk is read only when the last one has left, so a slow reader costs one chunk and a reader that stands still for
 * STREAM_IDLE_READER_MS is closed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/record.h"

#include "fields.h"

struct output_log;
struct request;

enum stream_format {
    FORMAT_TEXT,   /* the bytes, said to be text */
    FORMAT_BYTES,  /* the bytes */
    FORMAT_NDJSON, /* a JSON record a line: job, output..., state..., gap if a full log dropped bytes, end */
    FORMAT_SSE,    /* the same as events: hello, output, state, gap, end */
};

struct output_view {
    enum stream_format format;
    uint32_t only; /* enum output_stream; 0: both */
    bool follows;
    bool has_offset, has_tail;
    uint64_t offset;                      /* of the log; of the stream for the bytes of one stream */
    uint64_t tail;                        /* lines */
    struct range range;                   /* honoured for bytes, when not following */
    const char *if_range, *if_none_match; /* header fields of the request, or NULL */
    bool takes_gzip;                      /* and may have it: bytes, not followed, and no Range in the request */
    bool is_resumed;    /* by Last-Event-ID: at the end of an ended job there is nothing more to say (204) */
    bool has_heard_end; /* and it was said */
};

/* Answers with the output of request->path.job_id. */
void stream_open(struct request *request, const struct output_view *view);

/*
 * Answers with a window of the log (output_log_show_window()), whose descriptors are taken over. The bytes have the hash, if
 * there is one, for a name. The request has no state of its own.
 */
void stream_open_window(struct request *request, const struct output_view *view, struct output_log *log,
                        struct span sha256);

/* The same for a job that was just accepted: all of it, to its end. */
void stream_new_job(struct request *request, enum stream_format format);
