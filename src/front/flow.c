#include "flow.h"

#include <errno.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/log.h"
#include "sallyport/limits.h"

#include "http.h"
#include "problem.h"
#include "request.h"

static void on_drained(struct evhttp_connection *connection, void *arg); /* the client has the last chunk */
static void on_ping(struct request *request);                            /* and had nothing to read for a while */

static void send_chunk(struct request *request, struct evbuffer *chunk)
{
    struct flow *flow = request->state;
    flow->is_writing = true;
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
    int done = chunk != NULL ? flow->kind->fill(request, chunk) : -ENOMEM;
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
