/*
 * The life of a search: on_output brings the log, the head goes out, and then on_turn looks through a slice of it for each
 * turn of the loop. What was found in a slice must have left (on_drained) before the next slice is looked at. The end record
 * comes last; whoever lacks it has half an answer.
 *
 * The turns have the priority of everything else: with a lower one, a client who downloads without a pause would keep a
 * search from ever coming to an end. A slice is short instead.
 */
#include "search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/limits.h"
#include "sallyport/proto/channel.h"

#include "front.h"
#include "http.h"
#include "sallyport/output/output_log.h"
#include "output_search.h"
#include "problem.h"
#include "request.h"

#define CONTENT_TYPE "application/x-ndjson"

struct search {
    struct front *front;
    struct search_options options;
    struct output_log log;
    bool has_log;
    struct output_search looking;
    struct event *turn;
    bool has_ended; /* the end record is on its way */
    uint64_t said_ms;
};

static void on_output(struct request *request, struct message *message);
static void on_turn(evutil_socket_t fd, short what, void *arg);
static void on_drained(struct evhttp_connection *connection, void *arg);

static void search_free(void *state)
{
    struct search *search = state;
    search->front->searches--;
    if (search->turn != NULL)
        event_free(search->turn);
    if (search->has_log)
        output_log_done(&search->log);
    free(search);
}

void search_open(struct request *request, const struct search_options *options)
{
    struct front *front = request->front;
    if (front->searches >= SEARCH_COUNT_MAX) {
        struct problem problem;
        problem_init(&problem, "rate-limited", "As many searches are under way as there may be. Try again.");
        problem.retry_after_s = 1;
        request_refuse(request, &problem);
        return;
    }
    struct search *search = calloc(1, sizeof *search);
    if (search == NULL) {
        request_abort(request);
        return;
    }
    search->front = front;
    search->options = *options;
    front->searches++;
    request->state = search;
    request->free_state = search_free;
    ask_read_output(request, false, on_output);
}

static void refuse_outside(struct request *request, uint64_t total)
{
    struct problem problem;
    char range[40];
    snprintf(range, sizeof range, "bytes */%" PRIu64, total);
    request_add_header(request, "Content-Range", range);
    problem_init(&problem, "range-not-satisfiable", "The output has no bytes there yet.");
    request_problem(request, &problem);
}

static void start(struct request *request)
{
    struct search *search = request->state;
    if (request->is_head) {
        request_add_header(request, "Content-Type", CONTENT_TYPE);
        request_add_header(request, "X-Accel-Buffering", "no");
        request_reply_empty(request, 200);
        return;
    }
    int done = output_search_start(&search->looking, &search->log, &search->options);
    search->turn = done == 0 ? evtimer_new(search->front->base, on_turn, request) : NULL;
    if (done == 0 && search->turn == NULL)
        done = -ENOMEM;
    if (done < 0) {
        struct problem problem;
        log_error("request=%s its output cannot be searched: %s; the request is refused", request->id, strerror(-done));
        problem_init(&problem, "internal", "The output cannot be read. The operator finds the reason in the log.");
        request_problem(request, &problem);
        return;
    }
    search->said_ms = clock_monotonic_ms();
    http_connection_stream(request->connection);
    request_start(request, 200, CONTENT_TYPE);
    event_active(search->turn, EV_TIMEOUT, 0);
}

static void on_output(struct request *request, struct message *message)
{
    struct search *search = request->state;
    if (search->has_log || message->type != MSG_OUTPUT)
        return;
    const struct msg_output *output = &message->body.output;
    output_log_init(&search->log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
    search->has_log = true;
    output_log_grow(&search->log, output->bytes, output->records, output->is_complete);
    ask_forget(&request->asks[ASK_OUTPUT]); /* what is there now is searched: the keeper may come and go */
    if (search->options.offset > search->log.bytes)
        refuse_outside(request, search->log.bytes);
    else
        start(request);
}

/* So that proxies, and the client's own watch, see that somebody is at work. */
static void add_ping(struct search *search, struct evbuffer *out)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (evbuffer_get_length(out) == 0 && now_ms - search->said_ms >= STREAM_PING_MS)
        evbuffer_add_printf(out, "{\"type\":\"ping\"}\n");
    if (evbuffer_get_length(out) > 0)
        search->said_ms = now_ms;
}

/* The request may be gone afterwards. */
static void turn(struct request *request)
{
    struct search *search = request->state;
    static const struct timeval at_once = { 0, 0 };
    struct evbuffer *out = evbuffer_new();
    int done = out != NULL ? output_search_slice(&search->looking, out) : -ENOMEM;
    if (done < 0) {
        log_error("request=%s output cannot be searched: %s; the connection is closed", request->id, strerror(-done));
        request_abort(request);
    } else {
        search->has_ended = done == 0;
        add_ping(search, out);
        if (evbuffer_get_length(out) > 0)
            evhttp_send_reply_chunk_with_cb(request->http, out, on_drained, request);
        else if (evtimer_add(search->turn, &at_once) < 0)
            request_abort(request);
    }
    if (out != NULL)
        evbuffer_free(out);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    turn(arg);
}

static void on_drained(struct evhttp_connection *connection, void *arg)
{
    struct request *request = arg;
    const struct search *search = request->state;
    (void)connection;
    if (search->has_ended)
        request_finish(request);
    else
        turn(request);
}
