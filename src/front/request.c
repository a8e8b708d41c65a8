/*
 * Who frees what. evhttp owns the evhttp_request until it lost the client in the middle of our answer; then
 * evhttp_request_get_connection() is NULL and it is ours (libevent 2.1.12, http.c, evhttp_connection_incoming_fail). While
 * a request waits for the keeper evhttp does not read, so it would not notice that the client left: an event of our own
 * for EV_CLOSED does (epoll's RDHUP; bytes that a client sends early do not trigger it).
 */
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"

#include "dialect.h"
#include "front.h"
#include "http.h"
#include "problem.h"
#include "routes.h"
#include "tls.h"

static void on_client_gone(evutil_socket_t fd, short what, void *arg);

static void request_name(struct request *request)
{
    const char *given = request_header(request, "X-Request-Id");
    if (given != NULL && request_id_is_plain(given)) {
        text_copy(request->id, sizeof request->id, given);
        return;
    }
    uint8_t random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        memset(random, 0, sizeof random); /* cannot happen for 16 bytes; a name is no secret */
    text_hex(random, sizeof random, request->id);
}

struct request *request_new(struct front *front, struct evhttp_request *http)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->front = front;
    request->http = http;
    request->connection = evhttp_request_get_connection(http);
    request->is_head = evhttp_request_get_command(http) == EVHTTP_REQ_HEAD;
    request->peer_fd = -1;
    request->dialect = &api_dialect;
    request->began_us = clock_monotonic_us();
    for (unsigned i = 0; i < ASK_COUNT; i++)
        request->asks[i].request = request;
    request_name(request);

    struct bufferevent *bev = evhttp_connection_get_bufferevent(request->connection);
    request->is_tls = tls_is_on(bev);
    request->gone = event_new(front->base, bufferevent_getfd(bev), EV_CLOSED, on_client_gone, request);
    if (request->gone == NULL || event_add(request->gone, NULL) < 0) {
        if (request->gone != NULL)
            event_free(request->gone);
        free(request);
        return NULL;
    }
    request->guard = guard_attach(request);
    if (request->guard == NULL) {
        event_free(request->gone);
        free(request);
        return NULL;
    }
    request->closes = guard_closes(request->guard);
    request->next = front->requests;
    request->link = &front->requests;
    if (request->next != NULL)
        request->next->link = &request->next;
    front->requests = request;
    return request;
}

void request_free(struct request *request)
{
    if (request->connection != NULL) {
        http_connection_restore(request->connection);
        guard_detach(request->guard);
    }
    for (unsigned i = 0; i < ASK_COUNT; i++)
        ask_forget(&request->asks[i]);
    if (request->free_state != NULL)
        request->free_state(request->state);
    if (request->held != NULL)
        problem_done(request->held);
    free(request->held);
    if (request->gone != NULL)
        event_free(request->gone);
    if (request->timer != NULL)
        event_free(request->timer);
    *request->link = request->next;
    if (request->next != NULL)
        request->next->link = request->link;
    request->front->flow_bytes -= request->flow_bytes;
    if (request->has_started)
        request->front->counts.streams_open--;
    free(request);
}

static void on_client_gone(evutil_socket_t fd, short what, void *arg)
{
    struct request *request = arg;
    (void)fd;
    (void)what;
    request_abort(request);
}

void request_connection_closed(struct request *request)
{
    struct evhttp_request *orphan = evhttp_request_get_connection(request->http) == NULL ? request->http : NULL;
    request->connection = NULL;
    request_free(request);
    if (orphan != NULL)
        evhttp_request_free(orphan);
}

void request_abort(struct request *request)
{
    struct evhttp_connection *connection = request->connection;
    request_free(request);
    evhttp_connection_free(connection);
}

const char *request_header(const struct request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request->http), name);
}

void request_add_header(struct request *request, const char *name, const char *value)
{
    if (field_value_is_plain(value))
        evhttp_add_header(evhttp_request_get_output_headers(request->http), name, value);
}

void request_add_header_number(struct request *request, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    request_add_header(request, name, text);
}

static void on_request_timer(evutil_socket_t fd, short what, void *arg)
{
    struct request *request = arg;
    (void)fd;
    (void)what;
    request->on_timer(request);
}

void request_set_timer(struct request *request, uint32_t after_ms, void (*on_timer)(struct request *request))
{
    if (request->timer != NULL)
        event_del(request->timer);
    if (after_ms == 0)
        return;
    if (request->timer == NULL)
        request->timer = evtimer_new(request->front->base, on_request_timer, request);
    struct timeval after = { after_ms / 1000, (suseconds_t)(after_ms % 1000) * 1000 };
    request->on_timer = on_timer;
    if (request->timer == NULL || evtimer_add(request->timer, &after) < 0)
        request->on_timer = NULL; /* memory is short: the client's own patience is the limit then */
}

/* What every answer carries. */
static void add_common_headers(struct request *request, const char *content_type)
{
    request_add_header(request, "X-Request-Id", request->id);
    request_add_header(request, "X-Content-Type-Options", "nosniff");
    request_add_header(request, "Content-Security-Policy",
                       "default-src 'none'; frame-ancestors 'none'; worker-src 'none'; sandbox");
    request_add_header(request, "Cross-Origin-Resource-Policy", "same-origin");
    request_add_header(request, "Referrer-Policy", "no-referrer");
    if (evhttp_find_header(evhttp_request_get_output_headers(request->http), "Cache-Control") == NULL)
        request_add_header(request, "Cache-Control", "no-store, no-transform");
    if (content_type != NULL)
        request_add_header(request, "Content-Type", content_type);
    const char *hsts = request->is_tls ? tls_hsts(request->front->settings.tls) : NULL;
    if (hsts != NULL)
        request_add_header(request, "Strict-Transport-Security", hsts);
    /* Two blanks: evhttp does not know it then, so that it is the guard who ends the connection, when the client has read. */
    if (request->lingers)
        evhttp_add_header(evhttp_request_get_output_headers(request->http), "Connection", " close");
    else if (request->closes || request->front->is_stopping)
        request_add_header(request, "Connection", "close");
}

static void count_answer(const struct request *request, unsigned status)
{
    const char *route = request->route != NULL ? request->route->path : NULL;
    /* What the guard refused is shown as a request of its own making. */
    unsigned method = request->lingers ? 0 : evhttp_request_get_command(request->http);
    http_counts_add(&request->front->counts, route, method, status, clock_monotonic_us() - request->began_us);
}

/* body may be NULL. For HEAD evhttp sends no body, and the length is what GET would have had. */
static void request_reply(struct request *request, unsigned status, const char *content_type, struct evbuffer *body)
{
    struct evhttp_request *http = request->http;
    add_common_headers(request, content_type);
    count_answer(request, status);
    if (request->is_head && body != NULL) {
        request_add_header_number(request, "Content-Length", evbuffer_get_length(body));
        evbuffer_drain(body, evbuffer_get_length(body));
    }
    request_free(request);
    evhttp_send_reply(http, (int)status, NULL, body);
}

static int dump_to_evbuffer(const char *data, size_t size, void *buffer)
{
    return evbuffer_add(buffer, data, size);
}

void request_reply_json(struct request *request, unsigned status, const char *content_type, json_t *json)
{
    struct evbuffer *body = evbuffer_new();
    if (body == NULL || json == NULL ||
        json_dump_callback(json, dump_to_evbuffer, body, JSON_COMPACT | JSON_REAL_PRECISION(15)) < 0 ||
        evbuffer_add(body, "\n", 1) < 0) {
        if (body != NULL)
            evbuffer_free(body);
        json_decref(json);
        request_abort(request); /* memory is short: no answer is better than half of one */
        return;
    }
    json_decref(json);
    request_reply(request, status, content_type, body);
    evbuffer_free(body);
}

void request_reply_bytes(struct request *request, unsigned status, const char *content_type, const void *data,
                         size_t size)
{
    struct evbuffer *body = evbuffer_new();
    if (body == NULL || evbuffer_add(body, data, size) < 0) {
        if (body != NULL)
            evbuffer_free(body);
        request_abort(request);
        return;
    }
    request_reply(request, status, content_type, body);
    evbuffer_free(body);
}

void request_reply_text(struct request *request, unsigned status, const char *text)
{
    struct evbuffer *body = evbuffer_new();
    if (body == NULL) {
        request_abort(request);
        return;
    }
    evbuffer_add_printf(body, "%s\n", text);
    request_reply(request, status, "text/plain; charset=utf-8", body);
    evbuffer_free(body);
}

void request_reply_empty(struct request *request, unsigned status)
{
    request_reply(request, status, NULL, NULL);
}

void request_start(struct request *request, unsigned status, const char *content_type)
{
    assert(!request->has_started);
    add_common_headers(request, content_type);
    request_add_header(request, "X-Accel-Buffering", "no");
    /* Without chunks (HTTP/1.0) and without a length, only the connection's end can tell the end of the body. */
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request->http);
    if (evhttp_find_header(headers, "Content-Length") == NULL && evhttp_find_header(headers, "Connection") == NULL)
        if (http_is_old(request->http))
            request_add_header(request, "Connection", "close");
    /* What the client said was understood by now, and its bytes would be held as long as the answer goes on. */
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    evbuffer_drain(body, evbuffer_get_length(body));
    guard_forget_body(request->guard);
    request->has_started = true;
    request->front->counts.streams_open++;
    count_answer(request, status);
    evhttp_send_reply_start(request->http, (int)status, NULL);
}

void request_finish(struct request *request)
{
    struct evhttp_request *http = request->http;
    request_free(request);
    evhttp_send_reply_end(http);
}
