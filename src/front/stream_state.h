/* What stream.c, stream_place.c and stream_chunk.c know of one stream. */
#pragma once

#include <jansson.h>

#include "flow.h"
#include "sallyport/output/output_log.h"
#include "sallyport/output/output_piece.h"
#include "stream.h"

struct evbuffer;
struct msg_job;
struct request;

struct gzip;

#define STREAM_ETAG_BYTES 96

struct stream {
    struct flow flow;
    struct output_view view;
    bool is_gzip;      /* the answer is compressed; */
    struct gzip *gzip; /* by this, once it has begun */
    struct output_log log;
    bool has_log;
    char etag[STREAM_ETAG_BYTES]; /* of all that the view shows; "" for what may still change, or is a part */
    struct output_cursor cursor;
    uint64_t to;                      /* not following: the end of the log when the view began */
    uint64_t left;                    /* bytes formats: how many may still be sent; UINT64_MAX: as many as come */
    json_t *hello, *news, *gap, *end; /* records that are due; NULL when not */
    bool has_job, has_ended, has_said_end;
    uint64_t job_version;
    uint8_t job_state;
    uint32_t job_position;
};

static inline bool stream_has_records(const struct stream *stream)
{
    return stream->view.format == FORMAT_NDJSON || stream->view.format == FORMAT_SSE;
}

/* stream_place.c: where the view begins and ends, and the status and head fields that say so. */
enum place { PLACE_FAILED, PLACE_OK, PLACE_OUTSIDE, PLACE_NOTHING_MORE, PLACE_UNCHANGED };
struct place_head {
    unsigned status;
    bool has_length;
    uint64_t length;
    char content_range[80]; /* "" for none */
};
enum place stream_place(struct stream *stream, struct place_head *ret_head);

/* stream_chunk.c */

/* As flow_kind.fill. -errno when the log cannot be read. */
int stream_fill(struct stream *stream, struct evbuffer *chunk, size_t room);

/* All of the view has been put into chunks. */
bool stream_is_finished(const struct stream *stream);

/* Takes the news of a job; false if it is old. */
bool stream_take_job(struct stream *stream, const struct msg_job *job);

/* A record besides those of the job: a ping, an error. json is taken over; NULL: the ping. */
void stream_add_error(struct stream *stream, struct evbuffer *chunk, json_t *json);
void stream_add_ping(struct stream *stream, struct evbuffer *chunk);
