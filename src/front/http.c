/*
 * A request's way in: on_accepted gives the connection its guard, which lets whole and strict requests through to evhttp
 * (guard.h); on_request makes the request object and hands it to routes.c.
 */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#include "browser.h"
#include "descriptors.h"
#include "dialect.h"
#include "evidence.h"
#include "front.h"
#include "problem.h"
#include "request.h"
#include "routes.h"
#include "tls.h"

#define IDLE_MAX_S            60
#define WRITE_ONCE_BYTES      (1024 * 1024) /* libevent's 16 KiB would cost a factor of four */
#define ACCEPT_REST_S         1
#define UPLOADS_RETRY_AFTER_S 5

static struct bufferevent *on_accepted(struct event_base *base, void *arg); /* before there is a descriptor */
static struct bufferevent *on_tls_accepted(struct event_base *base, void *arg);
static void on_request(struct evhttp_request *http, void *arg);           /* head and body are there */
static void on_accept_failed(struct evconnlistener *listener, void *arg); /* descriptors ran out */
static void on_accept_again(evutil_socket_t fd, short what, void *arg);   /* a rest later */

static struct front *the_front; /* of this process */

static void rest_listeners(struct front *front, const char *why)
{
    struct timeval rest = { ACCEPT_REST_S, 0 };
    log_warn("no more connections are accepted for %d s: %s", ACCEPT_REST_S, why);
    for (unsigned i = 0; i < front->listener_count; i++)
        evconnlistener_disable(evhttp_bound_socket_get_listener(front->listeners[i].bound));
    evtimer_add(front->accept_again, &rest);
}

static struct bufferevent *guarded(struct listener *listener, struct bufferevent *bev)
{
    if (!descriptors_allow_connection(listener->front))
        rest_listeners(listener->front, "too many are open");
    /* Memory is short. Without a guard nothing may reach evhttp: it waits for more than there can be. */
    if (bev != NULL && guard_new(listener->front, listener->dialect, bev) < 0)
        bufferevent_setwatermark(bev, EV_READ, SIZE_MAX, 1);
    return bev;
}

static struct bufferevent *on_accepted(struct event_base *base, void *arg)
{
    struct listener *listener = arg;
    return guarded(listener, bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE));
}

/* Without one evhttp would make a plain one itself, and serve what comes over it. */
static struct bufferevent *on_tls_accepted(struct event_base *base, void *arg)
{
    struct listener *listener = arg;
    struct front *front = listener->front;
    struct bufferevent *bev = front->settings.tls != NULL ? tls_accept(front->settings.tls, base) : NULL;
    if (bev == NULL) {
        log_error("a connection could not be given TLS; ending, to be started anew");
        abort();
    }
    return guarded(listener, bev);
}

bool http_is_old(struct evhttp_request *http)
{
    return http->minor == 0;
}

void http_connection_stream(struct evhttp_connection *connection)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    struct timeval standstill = { STREAM_IDLE_READER_MS / 1000, 0 };
    bufferevent_set_max_single_write(bev, WRITE_ONCE_BYTES);
    bufferevent_set_timeouts(bev, NULL, &standstill);
}

void http_connection_restore(struct evhttp_connection *connection)
{
    struct timeval idle = { IDLE_MAX_S, 0 };
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(connection), &idle, &idle);
}

/* The connection ends with the answer, for nobody can be sure where the next request would begin. */
static void refuse_wire(struct request *request, enum wire_fault fault)
{
    struct problem problem;
    problem_init(&problem, wire_fault_code(fault), "%s", wire_fault_detail(fault));
    if (fault == WIRE_NO_ROOM || fault == WIRE_NO_ROOM_FOR_UPLOAD)
        problem.retry_after_s = UPLOADS_RETRY_AFTER_S;
    request->lingers = true;
    request_problem(request, &problem);
}

/* NULL: there is nothing left to answer. */
static struct request *take_request(struct front *front, struct evhttp_request *http)
{
    struct request *request = request_new(front, http);
    if (request == NULL) {
        evhttp_connection_free(evhttp_request_get_connection(http));
        return NULL;
    }
    enum wire_fault fault = guard_fault(http);
    if (fault != WIRE_FINE) {
        refuse_wire(request, fault);
        return NULL;
    }
    return request;
}

/* Where nobody is asked for evidence none is looked at, either. */
static void on_request(struct evhttp_request *http, void *arg)
{
    const struct listener *listener = arg;
    struct request *request = take_request(listener->front, http);
    if (request == NULL)
        return;
    request->dialect = listener->dialect;
    request->is_known = listener->dialect->is_open;
    prefer_parse(request_header(request, "Prefer"), &request->prefer);
    if (!request->is_known)
        evidence_collect(request, listener);
    if (browser_admits(request))
        routes_dispatch(request);
}

/* Without this evhttp would spin: a full table of descriptors fails accept, and the listener stays readable. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    (void)arg; /* evhttp's own, whatever we would have said */
    rest_listeners(the_front, strerror(errno));
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    (void)fd;
    (void)what;
    if (!descriptors_allow_connection(front)) {
        rest_listeners(front, "too many are open");
        return;
    }
    for (unsigned i = 0; i < front->listener_count; i++)
        evconnlistener_enable(evhttp_bound_socket_get_listener(front->listeners[i].bound));
}

static int http_new(struct listener *listener, struct error *err)
{
    listener->http = evhttp_new(listener->front->base);
    if (listener->http == NULL)
        return fail(err, ENOMEM, "make HTTP server");
    evhttp_set_max_headers_size(listener->http, REQUEST_HEAD_MAX_BYTES);
    evhttp_set_max_body_size(listener->http, HTTP_BODY_MAX_BYTES);
    evhttp_set_timeout(listener->http, IDLE_MAX_S);
    evhttp_set_default_content_type(listener->http, NULL);
    /* All that evhttp knows but CONNECT, so that a method that does not fit is a 405 of ours. */
    evhttp_set_allowed_methods(listener->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                   EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                                   EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(listener->http, listener->is_tls ? on_tls_accepted : on_accepted, listener);
    evhttp_set_gencb(listener->http, on_request, listener);
    return 0;
}

static int listener_open(struct listener *listener, struct error *err)
{
    /* Accepted connections inherit it; without it a stream's lines would wait for the peer's acknowledgements. A unix
     * socket has no such thing. */
    int one = 1;
    (void)setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (evutil_make_socket_nonblocking(listener->fd) < 0)
        return fail(err, errno, "make listener non-blocking");
    int done = http_new(listener, err);
    if (done < 0)
        return done;
    listener->bound = evhttp_accept_socket_with_handle(listener->http, listener->fd);
    if (listener->bound == NULL)
        return fail(err, ENOMEM, "serve listener");
    listener->fd = -1;
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(listener->bound), on_accept_failed);
    return 0;
}

int http_open(struct front *front, struct error *err)
{
    the_front = front;
    front->accept_again = evtimer_new(front->base, on_accept_again, front);
    int done = crowd_init(&front->crowd);
    if (done < 0)
        return fail(err, -done, "get a random number");
    if (front->accept_again == NULL)
        return fail(err, ENOMEM, "make HTTP server");
    for (unsigned i = 0; i < front->listener_count && done == 0; i++)
        done = listener_open(&front->listeners[i], err);
    front->is_open = done == 0;
    return done;
}

void http_close(struct front *front)
{
    while (front->requests != NULL)
        request_abort(front->requests);
    for (unsigned i = 0; i < front->listener_count; i++) {
        if (front->listeners[i].http != NULL)
            evhttp_free(front->listeners[i].http);
        fd_close(&front->listeners[i].fd);
    }
    front->listener_count = 0;
    if (front->accept_again != NULL)
        event_free(front->accept_again);
    front->accept_again = NULL;
}
