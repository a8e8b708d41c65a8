/*
 * How a connection goes: on_input takes what was read out of evhttp's reach, feed() gives back whole requests of one form: a
 * head that tells the length of its body, and the body. Then the guard is BUSY, and what comes early waits; on_answered looks
 * at it. A refusal ends in LINGERING: nothing is said any more, and what the client still sends is thrown away for a moment,
 * so that its own reset does not overtake our answer.
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

#include "arrival.h"
#include "crowd_admission.h"
#include "front.h"
#include "hook_head.h"
#include "http.h"
#include "request.h"
#include "tls.h"

#define STEP_S                  15 /* what may last longer is looked at in such steps */
#define IDLE_STEPS              4  /* that may pass without a request */
#define HEAD_MAX_S              15
#define BODY_MAX_S              60
#define LARGE_LEAST_BYTES_PER_S (256 * 1024)           /* a large body has so much more time */
#define BODY_STEP_LEAST_BYTES   (15 * 1024)            /* what must come in each such step */
#define BODY_FREE_BYTES         REQUEST_HEAD_MAX_BYTES /* of each body, that nobody else must leave room for */
#define LINGER_MAX_S            2
#define EARLY_MAX_BYTES         REQUEST_HEAD_MAX_BYTES /* what may wait behind a request in flight */
#define REFUSED_PATH            "/.refused/"

enum guard_state { GUARD_IDLE, GUARD_HEAD, GUARD_BODY, GUARD_BUSY, GUARD_REFUSING, GUARD_LINGERING };

struct guard {
    /* First what each request has to do with: with thousands of connections it is not in the processor's cache. */
    struct bufferevent *bev; /* a reference */
    struct guard *next;      /* in its bucket */
    struct front *front;
    struct evhttp_connection *connection; /* NULL until evhttp made it */
    struct request *request;
    uint64_t *room; /* which of the front's counts has `held` in it; NULL: none */
    uint64_t held;  /* bytes of the body for which room was taken */
    enum guard_state state;
    unsigned idle_steps;    /* that passed since the answer */
    bool is_timed;          /* the deadline runs */
    bool is_broken;         /* to be closed from the loop */
    struct arrival arrival; /* of the next request; evhttp saw nothing of it */

    uint64_t number;     /* of all bodies; 0: the request has none */
    uint64_t arrived;    /* of the body when the step began */
    unsigned steps_left; /* for the body to arrive in */
    struct event *deadline;
    struct evbuffer_cb_entry *watcher;
    const struct dialect *spoken;
    struct guard **link;        /* what points to it in its bucket */
    struct crowd_member member; /* of its address */
};

static void on_deadline(evutil_socket_t fd, short what, void *arg); /* first at once, to find evhttp's connection */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg);
static void on_answered(struct evhttp_request *http, void *arg);
static void on_closed(struct evhttp_connection *connection, void *arg);

static struct guard **bucket_of(struct front *front, const struct bufferevent *bev)
{
    return &front->guards.buckets[((uintptr_t)bev >> 6) % GUARD_BUCKETS];
}

static struct guard *guard_of(struct front *front, const struct bufferevent *bev)
{
    struct guard *guard = front->guards.latest;
    if (guard == NULL || guard->bev != bev)
        guard = *bucket_of(front, bev);
    while (guard != NULL && guard->bev != bev)
        guard = guard->next;
    return guard;
}

void guard_forget_body(struct guard *guard)
{
    if (guard->room != NULL)
        *guard->room -= guard->held;
    guard->room = NULL;
    guard->held = 0;
}

static void guard_free(struct guard *guard)
{
    if (guard->front->guards.latest == guard)
        guard->front->guards.latest = NULL;
    crowd_leave(&guard->member);
    guard_forget_body(guard);
    if (guard->watcher != NULL)
        evbuffer_remove_cb_entry(bufferevent_get_input(guard->bev), guard->watcher);
    if (guard->deadline != NULL)
        event_free(guard->deadline);
    arrival_done(&guard->arrival);
    if (guard->link != NULL) {
        *guard->link = guard->next;
        if (guard->next != NULL)
            guard->next->link = guard->link;
        bufferevent_decref(guard->bev);
    }
    free(guard);
}

int guard_new(struct front *front, const struct dialect *spoken, struct bufferevent *bev)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL)
        return -ENOMEM;
    *guard = (struct guard){ .front = front, .spoken = spoken, .bev = bev };
    int done = arrival_init(&guard->arrival);
    guard->deadline = evtimer_new(front->base, on_deadline, guard);
    guard->watcher = evbuffer_add_cb(bufferevent_get_input(bev), on_input, guard);
    if (done < 0 || guard->deadline == NULL || guard->watcher == NULL) {
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
    guard->is_timed = seconds > 0;
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
    arrival_drop(&guard->arrival);
    guard_forget_body(guard);
    set_deadline(guard, 0);
    guard->state = GUARD_REFUSING;
    say_instead(guard, text);
}

/* evhttp gets the request, of which it saw nothing before. The deadline that runs means nothing until there is another. */
static void let_through(struct guard *guard)
{
    struct evbuffer *input = bufferevent_get_input(guard->bev);
    guard->state = GUARD_BUSY;
    guard->front->guards.latest = guard;
    input_open(guard, input);
    int done = arrival_hand_over(&guard->arrival, input);
    input_close(guard, input);
    if (done < 0)
        break_later(guard);
}

/* Straight to the socket: all that was said before has left, and evhttp is to know nothing of it. */
static void tell_to_go_on(struct guard *guard)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    int fd = bufferevent_getfd(guard->bev);
    bool is_told = tls_is_on(guard->bev)
                       ? tls_write_now(guard->bev, text, sizeof text - 1) == 0
                       : send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof text - 1;
    if (!is_told)
        break_later(guard);
}

static void begin_body(struct guard *guard)
{
    guard->state = GUARD_BODY;
    guard->number = ++guard->front->bodies_begun;
    guard->arrived = 0;
    guard->steps_left = (BODY_MAX_S + (unsigned)(guard->held / LARGE_LEAST_BYTES_PER_S)) / STEP_S;
    set_deadline(guard, STEP_S);
    if (guard->arrival.head.awaits_go_on && arrival_body_size(&guard->arrival) == 0)
        tell_to_go_on(guard);
}

/* Room for so much of the body, which is memory, so that many bodies cannot have all of it together. */
static bool hold(struct guard *guard, uint64_t size, uint64_t max)
{
    if (size <= guard->held)
        return true;
    if (size - guard->held > max - *guard->room)
        return false;
    *guard->room += size - guard->held;
    guard->held = size;
    return true;
}

static uint64_t longest_body(const struct wire_head *head)
{
    if (head->is_function)
        return STDIN_MAX_BYTES;
    return head->is_form ? HTTP_UPLOAD_MAX_BYTES : HTTP_BODY_MAX_BYTES;
}

/* A large body is an upload, or what a function or a webhook gets, and its length is told. Room for all of it is taken before the first byte. */
static enum wire_fault judge_size(struct guard *guard)
{
    const struct wire_head *head = &guard->arrival.head;
    struct front *front = guard->front;
    bool is_large = head->body == WIRE_BODY_LENGTH && head->length > HTTP_BODY_MAX_BYTES;
    enum wire_fault fault =
        is_large && head->is_hook ? hook_head_judge(front, guard->arrival.text, head->length) : WIRE_FINE;
    if (is_large && !head->is_hook && head->length > longest_body(head))
        fault = WIRE_BODY_TOO_LARGE;
    if (fault != WIRE_FINE)
        return fault;
    guard->room = is_large ? &front->uploads_bytes : &front->bodies_bytes;
    if (is_large && !hold(guard, head->length, HTTP_UPLOADS_MAX_BYTES))
        return WIRE_NO_ROOM_FOR_UPLOAD;
    if (guard->connection != NULL) /* else evhttp's own bound stays, which is that of small bodies */
        evhttp_connection_set_max_body_size(guard->connection,
                                            (ev_ssize_t)(is_large ? HTTP_UPLOAD_MAX_BYTES : HTTP_BODY_MAX_BYTES));
    return WIRE_FINE;
}

/* False: more must come, or nothing more will be taken. */
static bool feed_head(struct guard *guard)
{
    enum wire_fault fault = WIRE_FINE;
    int done = arrival_read_head(&guard->arrival, &fault);
    if (done == 0 && guard->state == GUARD_IDLE) { /* most heads are there at once */
        guard->state = GUARD_HEAD;
        set_deadline(guard, HEAD_MAX_S);
    }
    if (done > 0)
        fault = judge_size(guard);
    if (fault != WIRE_FINE) {
        refuse(guard, fault);
        return false;
    }
    if (done > 0 && guard->arrival.head.body == WIRE_BODY_NONE)
        let_through(guard);
    else if (done > 0)
        begin_body(guard);
    return done > 0;
}

static bool feed_body(struct guard *guard)
{
    enum wire_fault fault = WIRE_FINE;
    int done = arrival_read_body(&guard->arrival, HTTP_BODY_MAX_BYTES, &fault);
    uint64_t size = arrival_body_size(&guard->arrival);
    if (guard->room == &guard->front->bodies_bytes && size > BODY_FREE_BYTES && fault == WIRE_FINE &&
        !hold(guard, size - BODY_FREE_BYTES, HTTP_BODIES_MAX_BYTES))
        fault = WIRE_NO_ROOM;
    if (fault != WIRE_FINE) {
        refuse(guard, fault);
        return false;
    }
    if (done > 0)
        let_through(guard);
    return done > 0;
}

static void feed(struct guard *guard)
{
    struct evbuffer *pending = guard->arrival.pending;
    bool goes_on = true;
    while (goes_on && !guard->is_broken && evbuffer_get_length(pending) > 0) {
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
            if (evbuffer_get_length(pending) > EARLY_MAX_BYTES)
                break_later(guard);
            goes_on = false;
            break;
        default:
            arrival_drop(&guard->arrival);
            break;
        }
    }
}

/* Takes what was read out again. What was let through before, and evhttp did not look at yet, stays. */
static bool take_new(struct guard *guard, struct evbuffer *input, size_t passed)
{
    if (passed == 0)
        return arrival_add(&guard->arrival, input) == 0;
    struct evbuffer *kept = evbuffer_new();
    if (kept == NULL)
        return false;
    bool is_taken = evbuffer_remove_buffer(input, kept, passed) == (int)passed &&
                    arrival_add(&guard->arrival, input) == 0 && evbuffer_add_buffer(input, kept) == 0;
    evbuffer_free(kept);
    return is_taken;
}

/* The common request lies where evhttp will look for it; it need not be taken out and put back. */
static bool stays(struct guard *guard, struct evbuffer *input, size_t passed)
{
    if (guard->state != GUARD_IDLE || passed > 0 || !arrival_is_whole(&guard->arrival, input) ||
        judge_size(guard) != WIRE_FINE)
        return false;
    guard->state = GUARD_BUSY;
    guard->front->guards.latest = guard;
    return true;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct guard *guard = arg;
    if (info->n_added == 0)
        return;
    size_t passed = evbuffer_get_length(input) - info->n_added;
    if (stays(guard, input, passed))
        return;
    input_open(guard, input);
    bool is_taken = take_new(guard, input, passed);
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
    if (crowd_admits(guard->front, guard->connection, &guard->member))
        set_deadline(guard, STEP_S);
    else
        evhttp_connection_free(guard->connection);
}

/* The client is slow; whether it still is one, and no way to hold a connection. */
static bool body_moves(struct guard *guard)
{
    uint64_t arrived = arrival_body_size(&guard->arrival);
    bool moves = arrived - guard->arrived >= BODY_STEP_LEAST_BYTES && guard->steps_left > 1;
    guard->arrived = arrived;
    guard->steps_left--;
    return moves;
}

static bool may_go_on(struct guard *guard)
{
    return guard->state == GUARD_IDLE ? ++guard->idle_steps < IDLE_STEPS
                                      : guard->state == GUARD_BODY && body_moves(guard);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct guard *guard = arg;
    (void)fd;
    (void)what;
    guard->is_timed = false;
    if (guard->connection == NULL) {
        adopt(guard);
    } else if (guard->state == GUARD_BUSY && !guard->is_broken) {
        return; /* that of the time before the request */
    } else if (!guard->is_broken && may_go_on(guard)) {
        set_deadline(guard, STEP_S);
    } else if (guard->is_broken || (guard->state != GUARD_HEAD && guard->state != GUARD_BODY)) {
        evhttp_connection_free(guard->connection);
    } else {
        refuse(guard, WIRE_TOO_SLOW);
        bufferevent_trigger(guard->bev, EV_READ, 0);
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
    guard->number = 0;
    guard->state = GUARD_IDLE;
    guard->idle_steps = 0;
    if (!guard->is_timed) /* a deadline that runs will do: a new one for each request costs too much */
        set_deadline(guard, STEP_S);
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
    struct guard *guard = guard_of(request->front, bev);
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
    return guard->arrival.head.closes;
}

enum wire_fault guard_fault(struct evhttp_request *http)
{
    const char *target = evhttp_request_get_uri(http);
    if (strncmp(target, REFUSED_PATH, sizeof REFUSED_PATH - 1) != 0)
        return WIRE_FINE;
    unsigned long fault = strtoul(target + sizeof REFUSED_PATH - 1, NULL, 10);
    return fault < WIRE_FAULT_COUNT ? (enum wire_fault)fault : WIRE_REQUEST_LINE;
}

unsigned guard_count_coming(const struct guard *guard, guard_judge *is_meant)
{
    const struct front *front = guard->front;
    unsigned count = 0;
    for (size_t i = 0; i < GUARD_BUCKETS; i++)
        for (const struct guard *other = front->guards.buckets[i]; other != NULL; other = other->next)
            if (other->state == GUARD_BODY && (guard->number == 0 || other->number < guard->number))
                count += is_meant(other->spoken, other->arrival.text);
    return count;
}
