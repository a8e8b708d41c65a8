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
#include "sallyport/base/log.h"

#include "browser.h"
#include "descriptors.h"
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
static void on_request(struct evhttp_request *http, void *arg);           /* head and body are there, */
static void on_metrics_request(struct evhttp_request *http, void *arg);   /* or came over the listener of metrics */
static void on_accept_failed(struct evconnlistener *listener, void *arg); /* descriptors ran out */
static void on_accept_again(evutil_socket_t fd, short what, void *arg);   /* a rest later */

static void rest_listeners(struct front *front, const char *why)
{
    struct timeval rest = { ACCEPT_REST_S, 0 };
    log_warn("no more connections are accepted for %d s: %s", ACCEPT_REST_S, why);
    for (unsigned i = 0; i < front->listener_count; i++)
        evconnlistener_disable(evhttp_bound_socket_get_listener(front->listeners[i]));
    evtimer_add(front->accept_again, &rest);
}

static struct bufferevent *guarded(struct front *front, struct bufferevent *bev)
{
    if (!descriptors_allow_connection(front))
        rest_listeners(front, "too many are open");
    /* Memory is short. Without a guard nothing may reach evhttp: it waits for more than there can be. */
    if (bev != NULL && guard_new(front, bev) < 0)
        bufferevent_setwatermark(bev, EV_READ, SIZE_MAX, 1);
    return bev;
}

static struct bufferevent *on_accepted(struct event_base *base, void *arg)
{
    return guarded(arg, bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE));
}

/* Without one evhttp would make a plain one itself, and serve what comes over it. */
static struct bufferevent *on_tls_accepted(struct event_base *base, void *arg)
{
    struct front *front = arg;
    struct bufferevent *bev = front->settings.tls != NULL ? tls_accept(front->settings.tls, base) : NULL;
    if (bev == NULL) {
        log_error("a connection could not be given TLS; ending, to be started anew");
        abort();
    }
    return guarded(front, bev);
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

static void on_request(struct evhttp_request *http, void *arg)
{
    struct request *request = take_request(arg, http);
    if (request == NULL)
        return;
    prefer_parse(request_header(request, "Prefer"), &request->prefer);
    evidence_collect(request);
    if (browser_admits(request))
        routes_dispatch(request);
}

/* Evidence is not looked at, so that none can be asked for. */
static void on_metrics_request(struct evhttp_request *http, void *arg)
{
    struct request *request = take_request(arg, http);
    if (request == NULL)
        return;
    request->is_for_metrics = true;
    request->is_known = true;
    if (browser_admits(request))
        routes_dispatch(request);
}

/* Without this evhttp would spin: a full table of descriptors fails accept, and the listener stays readable. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    rest_listeners(arg, strerror(errno));
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
        evconnlistener_enable(evhttp_bound_socket_get_listener(front->listeners[i]));
}

static int listener_open(struct front *front, struct evhttp *http, int fd, struct error *err)
{
    /* Accepted connections inherit it; without it a stream's lines would wait for the peer's acknowledgements. A unix
     * socket has no such thing. */
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (evutil_make_socket_nonblocking(fd) < 0)
        return fail(err, errno, "make listener non-blocking");
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(http, fd);
    if (bound == NULL)
        return fail(err, ENOMEM, "serve listener");
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_failed);
    front->listeners[front->listener_count++] = bound;
    return 0;
}

static struct evhttp *http_new(struct front *front, void (*on_any)(struct evhttp_request *, void *))
{
    struct evhttp *http = evhttp_new(front->base);
    if (http == NULL)
        return NULL;
    evhttp_set_max_headers_size(http, REQUEST_HEAD_MAX_BYTES);
    evhttp_set_max_body_size(http, HTTP_BODY_MAX_BYTES);
    evhttp_set_timeout(http, IDLE_MAX_S);
    evhttp_set_default_content_type(http, NULL);
    /* All that evhttp knows but CONNECT, so that a method that does not fit is a 405 of ours. */
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(http, on_accepted, front);
    evhttp_set_gencb(http, on_any, front);
    return http;
}

static struct evhttp *server_for(const struct front *front, bool is_for_metrics, bool is_tls)
{
    return is_for_metrics ? front->metrics_http : is_tls ? front->tls_http : front->http;
}

int http_open(struct front *front, struct error *err)
{
    front->http = http_new(front, on_request);
    front->tls_http = http_new(front, on_request);
    front->metrics_http = http_new(front, on_metrics_request);
    front->accept_again = evtimer_new(front->base, on_accept_again, front);
    int done = crowd_init(&front->crowd);
    if (done < 0)
        return fail(err, -done, "get a random number");
    if (front->http == NULL || front->tls_http == NULL || front->metrics_http == NULL || front->accept_again == NULL)
        return fail(err, ENOMEM, "make HTTP server");
    evhttp_set_bevcb(front->tls_http, on_tls_accepted, front);
    while (front->unbound_count > 0) {
        unsigned last = front->unbound_count - 1;
        struct evhttp *http =
            server_for(front, front->unbound_listeners[last].is_for_metrics, front->unbound_listeners[last].is_tls);
        done = listener_open(front, http, front->unbound_listeners[last].fd, err);
        if (done < 0)
            return done;
        front->unbound_count--;
    }
    return 0;
}

void http_close(struct front *front)
{
    while (front->requests != NULL)
        request_abort(front->requests);
    if (front->http != NULL)
        evhttp_free(front->http);
    if (front->tls_http != NULL)
        evhttp_free(front->tls_http);
    if (front->metrics_http != NULL)
        evhttp_free(front->metrics_http);
    if (front->accept_again != NULL)
        event_free(front->accept_again);
    front->http = front->tls_http = front->metrics_http = NULL;
    front->accept_again = NULL;
    while (front->unbound_count > 0)
        close(front->unbound_listeners[--front->unbound_count].fd);
}
