#include "stream_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "sallyport/job/job.h"
#include "sallyport/limits.h"
#include "sallyport/proto/messages.h"

#include "gzip.h"
#include "json_out.h"
#include "sse.h"

#define GZIP_PIECE_BYTES (64 * 1024)
#define GZIP_CHUNK_BYTES (128 * 1024) /* of log in one chunk: a few milliseconds of work */
#define STRETCHES_MAX    1024         /* in one chunk: each is a call of the kernel, and may be a single byte long */

/* Names of the events of SSE; a record of NDJSON names itself in its type. */
static void add_record(const struct stream *stream, struct evbuffer *chunk, const char *event, const char *id,
                       const char *json, size_t size)
{
    if (stream->view.format == FORMAT_SSE) {
        sse_add(chunk, event, id, json, size);
        return;
    }
    evbuffer_add(chunk, json, size);
    evbuffer_add(chunk, "\n", 1);
}

/* json is taken over. */
static void add_json(const struct stream *stream, struct evbuffer *chunk, const char *event, const char *id,
                     json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    if (text != NULL)
        add_record(stream, chunk, event, id, text, strlen(text));
    free(text);
    json_decref(json);
}

static json_t *take(json_t **record)
{
    json_t *taken = *record;
    *record = NULL;
    return taken;
}

/* One record at least, and more as long as any may follow. */
static int fill_records(struct stream *stream, struct evbuffer *chunk, size_t room, uint64_t to, bool grows)
{
    stream->cursor.piece_max = (uint32_t)(room / 8);
    do {
        struct output_piece piece;
        int done = output_piece_next(&stream->log, &stream->cursor, to, grows, &piece);
        if (done <= 0)
            return done;
        char id[24];
        size_t size;
        snprintf(id, sizeof id, "%" PRIu64, stream->cursor.at);
        const char *json = output_piece_json(&piece, &size);
        add_record(stream, chunk, "output", id, json, size);
    } while (evbuffer_get_length(chunk) + OUTPUT_JSON_BYTES(room / 8) <= room);
    return 0;
}

/* Straight from the file into the chunk's own memory. */
static int add_bytes(struct stream *stream, struct evbuffer *chunk, size_t size)
{
    struct evbuffer_iovec room;
    if (evbuffer_reserve_space(chunk, (ev_ssize_t)size, &room, 1) != 1)
        return -ENOMEM;
    int done = output_log_read(&stream->log, stream->cursor.at, room.iov_base, size);
    if (done < 0)
        return done;
    room.iov_len = size;
    evbuffer_commit_space(chunk, &room, 1);
    stream->cursor.at += size;
    if (stream->left != UINT64_MAX)
        stream->left -= size;
    return 0;
}

static int fill_bytes(struct stream *stream, struct evbuffer *chunk, size_t room, uint64_t to)
{
    for (unsigned i = 0; i < STRETCHES_MAX; i++) {
        size_t left = room - evbuffer_get_length(chunk), size;
        if (stream->left < left)
            left = (size_t)stream->left;
        if (left == 0)
            return 0;
        int done = output_stretch_next(&stream->log, &stream->cursor, to, left, &size);
        if (done > 0)
            done = add_bytes(stream, chunk, size);
        else if (done == 0)
            return 0;
        if (done < 0)
            return done;
    }
    return 0;
}

/* The next stretch of the view into the compressor. 1, 0 at the end of the view, -errno. */
static int compress_next(struct stream *stream, struct evbuffer *chunk, uint64_t to)
{
    static uint8_t piece[GZIP_PIECE_BYTES];
    size_t size;
    int done = output_stretch_next(&stream->log, &stream->cursor, to, sizeof piece, &size);
    if (done == 0 && stream->left != UINT64_MAX && stream->left > 0)
        return -EBADMSG; /* the index promised more */
    if (done <= 0)
        return done;
    done = output_log_read(&stream->log, stream->cursor.at, piece, size);
    if (done == 0)
        done = gzip_add(stream->gzip, piece, size, chunk);
    if (done < 0)
        return done;
    stream->cursor.at += size;
    if (stream->left != UINT64_MAX)
        stream->left -= size;
    return 1;
}

/* What is read for a chunk goes out with it: without a flush much of a dull log could leave the compressor with nothing. */
static int fill_gzip(struct stream *stream, struct evbuffer *chunk, size_t room, uint64_t to)
{
    uint64_t from = stream->cursor.at;
    int done = 1;
    if (gzip_has_ended(stream->gzip))
        return 0;
    for (unsigned i = 0; done > 0 && i < STRETCHES_MAX && stream->cursor.at - from < GZIP_CHUNK_BYTES &&
                         evbuffer_get_length(chunk) < room;
         i++)
        done = compress_next(stream, chunk, to);
    if (done < 0)
        return done;
    return done > 0 ? gzip_flush(stream->gzip, chunk) : gzip_end(stream->gzip, chunk);
}

static uint64_t view_end(const struct stream *stream)
{
    return stream->view.follows ? stream->log.bytes : stream->to;
}

static bool has_all_output(const struct stream *stream)
{
    if (stream->left == 0)
        return true;
    bool is_whole = !stream->view.follows || stream->log.is_complete;
    return is_whole && stream->cursor.at >= view_end(stream);
}

int stream_fill(struct stream *stream, struct evbuffer *chunk, size_t room)
{
    uint64_t to = view_end(stream);
    if (stream->is_gzip)
        return fill_gzip(stream, chunk, room, to);
    if (!stream_has_records(stream)) {
        int done = fill_bytes(stream, chunk, room, to);
        /* A view of one stream ends where only the other one is left. */
        if (done == 0 && evbuffer_get_length(chunk) == 0 && (!stream->view.follows || stream->log.is_complete)) {
            if (stream->left != UINT64_MAX && stream->left > 0)
                return -EBADMSG; /* a length was promised */
            stream->cursor.at = to;
        }
        return done;
    }
    if (stream->hello != NULL)
        add_json(stream, chunk, "hello", NULL, take(&stream->hello));
    if (stream->news != NULL)
        add_json(stream, chunk, "state", NULL, take(&stream->news));
    bool grows = stream->view.follows && !stream->log.is_complete;
    int done = fill_records(stream, chunk, room, to, grows);
    if (done < 0)
        return done;
    if (!has_all_output(stream) || stream->end == NULL || !stream->log.is_complete)
        return 0;
    if (stream->gap != NULL)
        add_json(stream, chunk, "gap", NULL, take(&stream->gap));
    add_json(stream, chunk, "end", "end", take(&stream->end));
    return 0;
}

bool stream_is_finished(const struct stream *stream)
{
    if (stream->is_gzip)
        return gzip_has_ended(stream->gzip);
    if (!has_all_output(stream))
        return false;
    if (!stream_has_records(stream))
        return true;
    bool has_said_all =
        stream->hello == NULL && stream->news == NULL && (stream->end == NULL || !stream->log.is_complete);
    return has_said_all && (!stream->view.follows || stream->has_ended);
}

/* The limit lets the head of the output stand; how much came behind it nobody counted. */
static json_t *gap_record(const struct msg_job *job)
{
    json_t *gap = json_object();
    json_object_set_new(gap, "type", json_string("gap"));
    json_object_set_new(gap, "from", json_integer((json_int_t)job->output_bytes));
    json_object_set_new(gap, "to", json_null());
    json_object_set_new(gap, "why", json_string("output_limit"));
    return gap;
}

bool stream_take_job(struct stream *stream, const struct msg_job *job)
{
    if (stream->has_job && job->version <= stream->job_version)
        return false;
    bool is_first = !stream->has_job;
    bool is_news = !is_first && (job->state != stream->job_state || job->position != stream->job_position);
    stream->has_job = true;
    stream->job_version = job->version;
    stream->job_state = job->state;
    stream->job_position = job->position;
    if (!stream_has_records(stream))
        return true;
    if (is_first) {
        stream->hello = json_job(job);
        json_object_set_new(stream->hello, "type", json_string("job"));
    }
    if (job_has_ended(job->state)) {
        json_decref(stream->end);
        json_decref(stream->gap);
        stream->end = json_job_end(job, "end");
        stream->gap = job->output_truncated ? gap_record(job) : NULL;
        stream->has_ended = true;
    } else if (is_news) {
        json_decref(stream->news);
        stream->news = json_job_state(job, "state");
    }
    return true;
}

void stream_add_error(struct stream *stream, struct evbuffer *chunk, json_t *json)
{
    if (json != NULL)
        json_object_set_new(json, "type", json_string("error"));
    add_json(stream, chunk, "error", NULL, json);
}

void stream_add_ping(struct stream *stream, struct evbuffer *chunk)
{
    if (stream->view.format == FORMAT_SSE)
        sse_add_ping(chunk, NULL);
    else if (stream->view.format == FORMAT_NDJSON)
        evbuffer_add_printf(chunk, "{\"type\":\"ping\"}\n");
}
