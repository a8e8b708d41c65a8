#include "flow.h"

#include <errno.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/log.h"
#include "sallyport/limits.h"

#include "front.h"
#include "http.h"
#include "problem.h"
#include "request.h"

static void on_drained(struct evhttp_connection *connection, void *arg); /* the client has the last chunk */
static void on_ping(struct request *request);                            /* and had nothing to read for a while */

#define FLOW_ALL_BYTES   (2 * 1024 * 1024) /* under way in all answers together, beyond the least of each */
#define FLOW_LEAST_BYTES (4 * 1024)

/* A part of what is left, so that the next ones have some too. */
static size_t room_for_chunk(const struct front *front)
{
    uint64_t left = front->flow_bytes < FLOW_ALL_BYTES ? FLOW_ALL_BYTES - front->flow_bytes : 0;
    uint64_t room = left / 16;
    if (room < FLOW_LEAST_BYTES)
        return FLOW_LEAST_BYTES;
    return room < STREAM_CHUNK_BYTES ? (size_t)room : STREAM_CHUNK_BYTES;
}

static void send_chunk(struct request *request, struct evbuffer *chunk)
{
    struct flow *flow = request->state;
    flow->is_writing = true;
    request->flow_bytes = evbuffer_get_length(chunk);
    request->front->flow_bytes += request->flow_bytes;
    evhttp_send_reply_chunk_with_cb(request->http, chunk, on_drained, request);
}

void flow_start(struct request *request, unsigned status, const char *content_type)
{
    http_connection_stream(request->connection);
    request_start(request, status, content_type);
    request_set_timer(request, STREAM_PING_MS, on_ping);
}

void flow_pump(struct request *request)
{
    struct flow *flow = request->state;
    if (flow->is_writing)
        return;
    struct evbuffer *chunk = evbuffer_new();
    int done = chunk != NULL ? flow->kind->fill(request, chunk, room_for_chunk(request->front)) : -ENOMEM;
    if (done < 0) {
        log_error("request=%s output cannot be read: %s; the connection is closed", request->id, strerror(-done));
        request_abort(request);
    } else if (evbuffer_get_length(chunk) > 0) {
        send_chunk(request, chunk);
    } else if (flow->kind->is_finished(request)) {
        request_finish(request);
    }
    if (chunk != NULL)
        evbuffer_free(chunk);
}

static void on_drained(struct evhttp_connection *connection, void *arg)
{
    struct request *request = arg;
    struct flow *flow = request->state;
    (void)connection;
    request->front->flow_bytes -= request->flow_bytes;
    request->flow_bytes = 0;
    flow->is_writing = false;
    request_set_timer(request, STREAM_PING_MS, on_ping);
    if (flow->kind->go_on == NULL || flow->kind->go_on(request))
        flow_pump(request);
}

static void on_ping(struct request *request)
{
    struct flow *flow = request->state;
    if (flow->is_writing || flow->kind->add_ping == NULL)
        return;
    struct evbuffer *chunk = evbuffer_new();
    if (chunk == NULL)
        return;
    flow->kind->add_ping(request, chunk);
    if (evbuffer_get_length(chunk) > 0)
        send_chunk(request, chunk);
    evbuffer_free(chunk);
}

void flow_break(struct request *request, struct problem *problem)
{
    struct flow *flow = request->state;
    struct evbuffer *chunk = evbuffer_new();
    if (chunk == NULL || flow->is_writing || flow->kind->add_error == NULL) {
        problem_done(problem);
        request_abort(request);
    } else {
        flow->kind->add_error(request, chunk, problem_json(problem, request));
        problem_done(problem);
        if (evbuffer_get_length(chunk) > 0) {
            evhttp_send_reply_chunk(request->http, chunk);
            request_finish(request);
        } else {
            request_abort(request);
        }
    }
    if (chunk != NULL)
        evbuffer_free(chunk);
}
