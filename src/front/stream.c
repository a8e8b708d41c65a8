/*
 * The life of a stream: on_job says how the job stands (formats of records only), on_output brings the two descriptors and
 * later the news that they grew, the head goes out, and from then on flow.c takes turns: a chunk is read, and the next when
 * the client has it. News that come meanwhile only move marks in struct stream.
 *
 * Whatever ends early is shown to be early: a record of type "error", or a connection that breaks in the middle.
 */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/limits.h"
#include "sallyport/proto/channel.h"

#include "front.h"
#include "gzip.h"
#include "problem.h"
#include "request.h"
#include "sse.h"
#include "stream_state.h"
#include "wait.h"

static void on_job(struct request *request, struct message *message);
static void on_output(struct request *request, struct message *message);

static const char *const content_types[] = {
    [FORMAT_TEXT] = "text/plain; charset=utf-8",
    [FORMAT_BYTES] = "application/octet-stream",
    [FORMAT_NDJSON] = "application/x-ndjson",
    [FORMAT_SSE] = "text/event-stream",
};

static int fill(struct request *request, struct evbuffer *chunk, size_t room)
{
    return stream_fill(request->state, chunk, room);
}

static bool is_finished(const struct request *request)
{
    return stream_is_finished(request->state);
}

static void add_ping(struct request *request, struct evbuffer *chunk)
{
    stream_add_ping(request->state, chunk);
}

static void add_error(struct request *request, struct evbuffer *chunk, json_t *json)
{
    stream_add_error(request->state, chunk, json);
}

static const struct flow_kind records = { fill, is_finished, add_ping, add_error, NULL };
static const struct flow_kind bytes = { .fill = fill, .is_finished = is_finished };

static void stream_free(void *state)
{
    struct stream *stream = state;
    gzip_free(stream->gzip);
    if (stream->has_log)
        output_log_done(&stream->log);
    json_decref(stream->hello);
    json_decref(stream->news);
    json_decref(stream->gap);
    json_decref(stream->end);
    free(stream);
}

/* NULL, and the request is gone, when memory is short. */
static struct stream *stream_new(struct request *request, const struct output_view *view)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        request_abort(request);
        return NULL;
    }
    stream->view = *view;
    stream->flow.kind = stream_has_records(stream) ? &records : &bytes;
    request->state = stream;
    request->free_state = stream_free;
    return stream;
}

void stream_open(struct request *request, const struct output_view *view)
{
    const struct stream *stream = stream_new(request, view);
    if (stream == NULL)
        return;
    if (stream_has_records(stream))
        ask_read_job(request, view->follows, on_job);
    else
        ask_read_output(request, view->follows, on_output);
}

void stream_new_job(struct request *request, enum stream_format format)
{
    stream_open(request, &(struct output_view){ .format = format, .follows = true });
}

/* The keeper takes back what it gave, or is gone. */
static void stream_break(struct request *request, struct problem *problem)
{
    if (request->has_started) {
        flow_break(request, problem);
        return;
    }
    problem_done(problem);
    answer_accepted(request);
}

/* True if the message is no answer but the end of answers; the request is gone then. */
static bool is_broken(struct request *request, const struct message *message)
{
    struct problem problem;
    if (message != NULL && message->type != MSG_REFUSED)
        return false;
    if (message != NULL) {
        problem_from_refusal(&problem, &message->body.refused);
    } else {
        problem_init(&problem, "keeper-down", "The keeper went away. Go on from the last offset with a new request.");
        problem.retry_after_s = 1;
    }
    stream_break(request, &problem);
    return true;
}

static void refuse_outside(struct request *request, const char *content_range)
{
    struct problem problem;
    problem_init(&problem, "range-not-satisfiable", "The output has no bytes there yet.");
    request_add_header(request, "Content-Range", content_range);
    request_problem(request, &problem);
}

static void start(struct request *request, const struct place_head *head)
{
    struct stream *stream = request->state;
    if (stream->is_gzip)
        request_add_header(request, "Content-Encoding", "gzip");
    else if (!stream_has_records(stream) && !stream->view.follows)
        request_add_header(request, "Accept-Ranges", "bytes");
    if (stream->etag[0] != '\0')
        request_add_header(request, "ETag", stream->etag);
    if (head->content_range[0] != '\0')
        request_add_header(request, "Content-Range", head->content_range);
    if (head->has_length)
        request_add_header_number(request, "Content-Length", head->length);
    if (request->is_head) {
        request_add_header(request, "Content-Type", content_types[stream->view.format]);
        request_add_header(request, "X-Accel-Buffering", "no");
        request_reply_empty(request, head->status);
        return;
    }
    if (stream->is_gzip && (stream->gzip = gzip_new(&request->front->gzips)) == NULL) {
        request_abort(request);
        return;
    }
    flow_start(request, head->status, content_types[stream->view.format]);
    if (stream->view.format == FORMAT_SSE) {
        struct evbuffer *hint = evbuffer_new();
        if (hint != NULL) {
            sse_add_hint(hint);
            evhttp_send_reply_chunk(request->http, hint);
            evbuffer_free(hint);
        }
    }
    flow_pump(request);
}

/*
 * The bytes of an ended job never change, and their hash names them. Compressed they have a weak name, for another zlib may
 * make other bytes of them.
 */
static void name_bytes(struct stream *stream, struct span sha256)
{
    static const char *const parts[] = { "", "-stdout", "-stderr" };
    const struct output_view *view = &stream->view;
    char hex[2 * 32 + 1];
    if (stream_has_records(stream) || view->follows || view->has_offset || view->has_tail || sha256.size != 32)
        return;
    text_hex(sha256.data, 32, hex);
    snprintf(stream->etag, sizeof stream->etag, "%s\"%s%s%s\"", stream->is_gzip ? "W/" : "", hex, parts[view->only],
             stream->is_gzip ? "-gzip" : "");
}

static void show_log(struct request *request, struct span sha256)
{
    struct stream *stream = request->state;
    if (!stream->view.follows) /* all that will be shown is in our hands: the keeper may come and go */
        for (unsigned i = 0; i < ASK_COUNT; i++)
            ask_forget(&request->asks[i]);
    stream->is_gzip = stream->view.takes_gzip && request->front->gzips < GZIP_COUNT_MAX;
    name_bytes(stream, sha256);

    struct place_head head;
    struct problem problem;
    switch (stream_place(stream, &head)) {
    case PLACE_OK:
        start(request, &head);
        break;
    case PLACE_OUTSIDE:
        refuse_outside(request, head.content_range);
        break;
    case PLACE_NOTHING_MORE:
        request_reply_empty(request, 204);
        break;
    case PLACE_UNCHANGED:
        request_add_header(request, "ETag", stream->etag);
        request_reply_empty(request, 304);
        break;
    case PLACE_FAILED:
        problem_init(&problem, "internal", "The output cannot be read. The operator finds the reason in the log.");
        log_error("request=%s the index of its output contradicts itself; the request is refused", request->id);
        request_problem(request, &problem);
        break;
    }
}

static void take_log(struct request *request, struct message *message)
{
    struct stream *stream = request->state;
    const struct msg_output *output = &message->body.output;
    if (stream->has_log)
        return;
    output_log_init(&stream->log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
    stream->has_log = true;
    output_log_grow(&stream->log, output->bytes, output->records, output->is_complete);
    show_log(request, output->sha256);
}

void stream_open_window(struct request *request, const struct output_view *view, struct output_log *log,
                        struct span sha256)
{
    struct stream *stream = stream_new(request, view);
    if (stream == NULL)
        return;
    stream->log = *log;
    stream->has_log = true;
    log->bytes_fd = log->index_fd = -1;
    show_log(request, sha256);
}

static void on_job(struct request *request, struct message *message)
{
    struct stream *stream = request->state;
    if (is_broken(request, message))
        return;
    bool is_first = !stream->has_job;
    stream_take_job(stream, &message->body.job);
    if (is_first)
        ask_read_output(request, stream->view.follows, on_output);
    else if (request->has_started)
        flow_pump(request);
}

static void on_output(struct request *request, struct message *message)
{
    struct stream *stream = request->state;
    if (is_broken(request, message))
        return;
    if (message->type == MSG_OUTPUT) {
        take_log(request, message);
        return;
    }
    if (message->type == MSG_JOB) {
        stream_take_job(stream, &message->body.job);
    } else if (stream->has_log) {
        const struct msg_grown *grown = &message->body.grown;
        if (!output_log_grow(&stream->log, grown->bytes, grown->records, grown->is_complete)) {
            log_error("request=%s its output shrank; the connection is closed", request->id);
            request_abort(request);
            return;
        }
    }
    if (request->has_started)
        flow_pump(request);
}
