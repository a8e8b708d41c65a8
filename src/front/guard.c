/*
 * How a connection goes: on_input takes what was read out of evhttp's reach, feed() gives back what is right. When a request
 * is whole the guard is BUSY, and what comes early waits; on_answered looks at it. A refusal ends in LINGERING: nothing is
 * said any more, and what the client still sends is thrown away for a moment, so that its own reset does not overtake our
 * answer.
 *
 * Three facts of libevent 2.1.12 carry this. The callback of the input buffer runs inside the socket's read, before evhttp's.
 * bufferevent_getcb() gives evhttp's connection, once evhttp made it. And a reference that we hold keeps the bufferevent
 * until evhttp_connection_free() has called our close callback, or until we find that evhttp never took it.
 */
#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "front.h"
#include "http.h"
#include "request.h"
#include "tls.h"

#define IDLE_MAX_S              60
#define HEAD_MAX_S              15
#define BODY_MAX_S              60
#define LARGE_LEAST_BYTES_PER_S (256 * 1024) /* a large body has so much more time */
#define LINGER_MAX_S            2
#define EARLY_MAX_BYTES         REQUEST_HEAD_MAX_BYTES /* what may wait behind a request in flight */
#define REFUSED_PATH            "/.refused/"

enum guard_state { GUARD_IDLE, GUARD_HEAD, GUARD_BODY, GUARD_BUSY, GUARD_REFUSING, GUARD_LINGERING };

struct guard {
    struct front *front;
    struct guard *next, **link; /* in its bucket */
    struct bufferevent *bev;    /* a reference */
    struct evbuffer_cb_entry *watcher;
    struct evbuffer *pending;             /* read, and not yet let through */
    struct evhttp_connection *connection; /* NULL until evhttp made it */
    struct event *deadline;
    struct request *request;
    enum guard_state state;
    struct wire_scan scan;
    struct wire_head head;
    struct wire_chunks chunks;
    uint64_t left;  /* of a body with a length */
    uint64_t held;  /* of the front's uploads_bytes; 0: the body is none of the large ones */
    bool is_broken; /* to be closed from the loop */
};

static void on_deadline(evutil_socket_t fd, short what, void *arg); /* first at once, to find evhttp's connection */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg);
static void on_answered(struct evhttp_request *http, void *arg);
static void on_closed(struct evhttp_connection *connection, void *arg);

static struct guard **bucket_of(struct front *front, const struct bufferevent *bev)
{
    return &front->guards.buckets[((uintptr_t)bev >> 6) % GUARD_BUCKETS];
}

void guard_forget_body(struct guard *guard)
{
    guard->front->uploads_bytes -= guard->held;
    guard->held = 0;
}

static void guard_free(struct guard *guard)
{
    guard_forget_body(guard);
    if (guard->watcher != NULL)
        evbuffer_remove_cb_entry(bufferevent_get_input(guard->bev), guard->watcher);
    if (guard->deadline != NULL)
        event_free(guard->deadline);
    if (guard->pending != NULL)
        evbuffer_free(guard->pending);
    if (guard->link != NULL) {
        *guard->link = guard->next;
        if (guard->next != NULL)
            guard->next->link = guard->link;
        bufferevent_decref(guard->bev);
    }
    free(guard);
}

int guard_new(struct front *front, struct bufferevent *bev)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL)
        return -ENOMEM;
    *guard = (struct guard){ .front = front, .bev = bev };
    guard->pending = evbuffer_new();
    guard->deadline = evtimer_new(front->base, on_deadline, guard);
    guard->watcher = evbuffer_add_cb(bufferevent_get_input(bev), on_input, guard);
    if (guard->pending == NULL || guard->deadline == NULL || guard->watcher == NULL) {
        guard_free(guard);
        return -ENOMEM;
    }
    bufferevent_incref(bev);
    guard->link = bucket_of(front, bev);
    guard->next = *guard->link;
    if (guard->next != NULL)
        guard->next->link = &guard->next;
    *guard->link = guard;
    event_active(guard->deadline, EV_TIMEOUT, 0);
    return 0;
}

static void set_deadline(struct guard *guard, unsigned seconds)
{
    struct timeval after = { seconds, 0 };
    if (seconds > 0)
        evtimer_add(guard->deadline, &after);
    else
        evtimer_del(guard->deadline);
}

/* Not here, in the middle of a read, but from the loop. */
static void break_later(struct guard *guard)
{
    guard->is_broken = true;
    event_active(guard->deadline, EV_TIMEOUT, 0);
}

/* Runs edit-free of our own callback; the end of a bufferevent's input is frozen but while it reads. */
static void input_open(struct guard *guard, struct evbuffer *input)
{
    evbuffer_cb_clear_flags(input, guard->watcher, EVBUFFER_CB_ENABLED);
    evbuffer_unfreeze(input, 0);
}

static void input_close(struct guard *guard, struct evbuffer *input)
{
    if (!tls_is_on(guard->bev)) /* that of TLS never freezes it, and could not read any more */
        evbuffer_freeze(input, 0);
    evbuffer_cb_set_flags(input, guard->watcher, EVBUFFER_CB_ENABLED);
}

static void let_through(struct guard *guard, size_t size)
{
    struct evbuffer *input = bufferevent_get_input(guard->bev);
    input_open(guard, input);
    if (evbuffer_remove_buffer(guard->pending, input, size) != (int)size)
        break_later(guard);
    input_close(guard, input);
}

static void say_instead(struct guard *guard, const char *text)
{
    struct evbuffer *input = bufferevent_get_input(guard->bev);
    input_open(guard, input);
    if (evbuffer_add(input, text, strlen(text)) < 0)
        break_later(guard);
    input_close(guard, input);
}

static void refuse(struct guard *guard, enum wire_fault fault)
{
    char text[96];
    snprintf(text, sizeof text, "GET " REFUSED_PATH "%u HTTP/1.1\r\nHost: refused\r\n\r\n", (unsigned)fault);
    evbuffer_drain(guard->pending, evbuffer_get_length(guard->pending));
    set_deadline(guard, 0);
    guard->state = GUARD_REFUSING;
    say_instead(guard, text);
}

static void become_busy(struct guard *guard)
{
    set_deadline(guard, 0);
    guard->state = GUARD_BUSY;
}

static void let_head_through(struct guard *guard, size_t size)
{
    if (guard->head.needs_length) {
        let_through(guard, size - 2);
        say_instead(guard, "Content-Length: 0\r\n\r\n");
        evbuffer_drain(guard->pending, 2);
    } else {
        let_through(guard, size);
    }
    if (guard->head.body == WIRE_BODY_NONE) {
        become_busy(guard);
        return;
    }
    guard->state = GUARD_BODY;
    guard->left = guard->head.length;
    guard->chunks = (struct wire_chunks){ 0 };
    set_deadline(guard, BODY_MAX_S + (unsigned)(guard->held / LARGE_LEAST_BYTES_PER_S));
}

/*
 * A large body is an upload whose length is told. Room for all of it is taken before the first byte, so that many of them
 * cannot have all memory together.
 */
static enum wire_fault judge_size(struct guard *guard)
{
    const struct wire_head *head = &guard->head;
    struct front *front = guard->front;
    bool is_large = head->body == WIRE_BODY_LENGTH && head->length > HTTP_BODY_MAX_BYTES;
    if (is_large && !head->is_form)
        return WIRE_BODY_TOO_LARGE;
    if (is_large && head->length > HTTP_UPLOADS_MAX_BYTES - front->uploads_bytes)
        return WIRE_NO_ROOM;
    guard->held = is_large ? head->length : 0;
    front->uploads_bytes += guard->held;
    if (guard->connection != NULL) /* else evhttp's own bound stays, which is that of small bodies */
        evhttp_connection_set_max_body_size(guard->connection,
                                            (ev_ssize_t)(is_large ? HTTP_UPLOAD_MAX_BYTES : HTTP_BODY_MAX_BYTES));
    return WIRE_FINE;
}

/* False: more must come, or nothing more will be taken. */
static bool feed_head(struct guard *guard)
{
    size_t size = evbuffer_get_length(guard->pending), head_size = 0;
    if (size > REQUEST_HEAD_MAX_BYTES + 1)
        size = REQUEST_HEAD_MAX_BYTES + 1;
    const char *data = (const char *)evbuffer_pullup(guard->pending, (ev_ssize_t)size);
    enum wire_fault fault = WIRE_FINE;
    if (guard->state == GUARD_IDLE) {
        guard->state = GUARD_HEAD;
        guard->scan = (struct wire_scan){ 0 };
        set_deadline(guard, HEAD_MAX_S);
    }
    int done = data != NULL ? wire_scan_head(&guard->scan, data, size, &head_size, &fault) : 0;
    if (done > 0)
        fault = wire_parse_head(data, head_size, HTTP_UPLOAD_MAX_BYTES, &guard->head);
    if (done > 0 && fault == WIRE_FINE)
        fault = judge_size(guard);
    if (fault != WIRE_FINE) {
        refuse(guard, fault);
        return false;
    }
    if (done > 0)
        let_head_through(guard, head_size);
    return done > 0;
}

static bool feed_body(struct guard *guard)
{
    size_t size = evbuffer_get_length(guard->pending);
    bool is_whole;
    if (guard->head.body == WIRE_BODY_LENGTH) {
        if (size > guard->left)
            size = (size_t)guard->left;
        if (guard->held > 0 && size < guard->left)
            return false; /* evhttp would be asked to look at all of it again with each piece */
        guard->left -= size;
        is_whole = guard->left == 0;
    } else {
        bool is_fine = false;
        const char *data = (const char *)evbuffer_pullup(guard->pending, -1);
        if (data != NULL)
            size = wire_take_chunks(&guard->chunks, data, size, &is_fine);
        if (!is_fine) {
            break_later(guard); /* evhttp has the head: there is no way left to say why */
            return false;
        }
        is_whole = guard->chunks.state == CHUNK_DONE;
    }
    let_through(guard, size);
    if (is_whole)
        become_busy(guard);
    return true;
}

static void feed(struct guard *guard)
{
    bool goes_on = true;
    while (goes_on && !guard->is_broken && evbuffer_get_length(guard->pending) > 0) {
        switch (guard->state) {
        case GUARD_IDLE:
        case GUARD_HEAD:
            goes_on = feed_head(guard);
            break;
        case GUARD_BODY:
            goes_on = feed_body(guard);
            break;
        case GUARD_BUSY:
            /* Enough early bytes would hide that the client left, for its end stands behind them. */
            if (evbuffer_get_length(guard->pending) > EARLY_MAX_BYTES)
                break_later(guard);
            goes_on = false;
            break;
        default:
            evbuffer_drain(guard->pending, evbuffer_get_length(guard->pending));
            break;
        }
    }
}

/*
 * Of a large body the bytes are packed: each read has memory of its own, of which libevent 2.1.12 leaves half empty, and that
 * twice of every body is what would be held.
 */
static bool pack(struct guard *guard, struct evbuffer *input)
{
    size_t size = evbuffer_get_length(input);
    const unsigned char *data = evbuffer_pullup(input, -1);
    return data != NULL && evbuffer_add(guard->pending, data, size) == 0 && evbuffer_drain(input, size) == 0;
}

/* Takes what was read out again. What was let through before, and waits for the rest of its body, stays. */
static bool take_new(struct guard *guard, struct evbuffer *input, size_t passed)
{
    if (passed == 0 && guard->held > 0)
        return pack(guard, input);
    if (passed == 0)
        return evbuffer_add_buffer(guard->pending, input) == 0;
    struct evbuffer *kept = evbuffer_new();
    if (kept == NULL)
        return false;
    bool is_taken = evbuffer_remove_buffer(input, kept, passed) == (int)passed &&
                    evbuffer_add_buffer(guard->pending, input) == 0 && evbuffer_add_buffer(input, kept) == 0;
    evbuffer_free(kept);
    return is_taken;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct guard *guard = arg;
    if (info->n_added == 0)
        return;
    input_open(guard, input);
    bool is_taken = take_new(guard, input, evbuffer_get_length(input) - info->n_added);
    input_close(guard, input);
    if (is_taken)
        feed(guard);
    else
        break_later(guard);
}

/* evhttp made its connection behind guard_new(), in the same turn; or it could not, and let the bufferevent go. */
static void adopt(struct guard *guard)
{
    bufferevent_data_cb read_callback = NULL;
    void *arg = NULL;
    bufferevent_getcb(guard->bev, &read_callback, NULL, NULL, &arg);
    if (read_callback == NULL || arg == NULL) {
        guard_free(guard);
        return;
    }
    guard->connection = arg;
    evhttp_connection_set_closecb(guard->connection, on_closed, guard);
    set_deadline(guard, IDLE_MAX_S);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct guard *guard = arg;
    (void)fd;
    (void)what;
    if (guard->connection == NULL) {
        adopt(guard);
    } else if (guard->state == GUARD_HEAD && !guard->is_broken) {
        refuse(guard, WIRE_TOO_SLOW);
        bufferevent_trigger(guard->bev, EV_READ, 0);
    } else {
        evhttp_connection_free(guard->connection);
    }
}

static void on_answered(struct evhttp_request *http, void *arg)
{
    struct guard *guard = arg;
    (void)http;
    if (guard->state == GUARD_REFUSING) {
        guard->state = GUARD_LINGERING;
        tls_end(guard->bev);
        shutdown(bufferevent_getfd(guard->bev), SHUT_WR);
        set_deadline(guard, LINGER_MAX_S);
        return;
    }
    guard_forget_body(guard);
    guard->state = GUARD_IDLE;
    set_deadline(guard, IDLE_MAX_S);
    feed(guard);
}

static void on_closed(struct evhttp_connection *connection, void *arg)
{
    struct guard *guard = arg;
    struct request *request = guard->request;
    (void)connection;
    if (guard->state == GUARD_IDLE) /* nothing was broken off */
        tls_end(guard->bev);
    guard_free(guard);
    if (request != NULL)
        request_connection_closed(request);
}

struct guard *guard_attach(struct request *request)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(request->connection);
    struct guard *guard = *bucket_of(request->front, bev);
    while (guard != NULL && guard->bev != bev)
        guard = guard->next;
    if (guard == NULL || guard->connection == NULL)
        return NULL;
    guard->request = request;
    evhttp_request_set_on_complete_cb(request->http, on_answered, guard);
    return guard;
}

void guard_detach(struct guard *guard)
{
    guard->request = NULL;
}

bool guard_closes(const struct guard *guard)
{
    return guard->head.closes;
}

enum wire_fault guard_fault(struct evhttp_request *http)
{
    const char *target = evhttp_request_get_uri(http);
    if (strncmp(target, REFUSED_PATH, sizeof REFUSED_PATH - 1) != 0)
        return WIRE_FINE;
    unsigned long fault = strtoul(target + sizeof REFUSED_PATH - 1, NULL, 10);
    return fault < WIRE_FAULT_COUNT ? (enum wire_fault)fault : WIRE_REQUEST_LINE;
}
