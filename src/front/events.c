/*
 * GET /v1/events: the keeper's feed of changes as server-sent events. on_feed adds what the keeper says to `pending`, and
 * flow.c sends that as the client takes it. The buffer is the keeper's ring: while a slow client has more before it than
 * PENDING_MAX_BYTES the keeper is asked for silence (but for the end of its right), and when the client has it all, for what
 * came meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>

#include "sallyport/base/clock.h"
#include "sallyport/limits.h"
#include "sallyport/proto/channel.h"

#include "events_wish.h"
#include "flow.h"
#include "front.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"
#include "sse.h"

#define PENDING_MAX_BYTES (64 * 1024)
#define CONTENT_TYPE      "text/event-stream"

struct events {
    struct flow flow;
    struct events_wish wish; /* its place: the last that was taken from the keeper */
    struct evbuffer *pending;
    uint64_t told_sequence; /* as the client has it */
    uint32_t generation, waiting, running;
    bool has_numbers;
    bool is_behind; /* its client is slow, and the keeper silent */
};

static void on_feed(struct request *request, struct message *message);

static void events_free(void *state)
{
    struct events *events = state;
    if (events->pending != NULL)
        evbuffer_free(events->pending);
    free(events);
}

static bool ask(struct request *request, uint8_t kinds)
{
    struct events *events = request->state;
    struct msg_follow follow = { .kinds = kinds,
                                 .jobs = { (const uint8_t *)events->wish.jobs,
                                           events->wish.job_count * (uint32_t)sizeof events->wish.jobs[0] },
                                 .has_cursor = events->wish.has_cursor,
                                 .life = events->wish.life,
                                 .sequence = events->wish.sequence };
    return ask_follow(request, &follow, on_feed);
}

static int fill(struct request *request, struct evbuffer *chunk, size_t room)
{
    (void)room; /* what is pending is bounded by the keeper's answers */
    struct events *events = request->state;
    return evbuffer_add_buffer(chunk, events->pending) < 0 ? -ENOMEM : 0;
}

static bool is_finished(const struct request *request)
{
    (void)request;
    return false;
}

static const char *place_text(const struct events *events, char text[EVENT_ID_BYTES])
{
    return event_id_text(events->wish.life, events->wish.sequence, text);
}

/* A place that moved without an event goes out with a ping. */
static void add_ping(struct request *request, struct evbuffer *chunk)
{
    struct events *events = request->state;
    char id[EVENT_ID_BYTES];
    bool has_moved = events->told_sequence != events->wish.sequence;
    sse_add_ping(chunk, has_moved ? place_text(events, id) : NULL);
    events->told_sequence = events->wish.sequence;
}

static void add_error(struct request *request, struct evbuffer *chunk, json_t *json)
{
    (void)request;
    if (json != NULL)
        json_object_set_new(json, "type", json_string("error"));
    sse_add_json(chunk, "error", NULL, json);
}

static bool go_on(struct request *request)
{
    struct events *events = request->state;
    if (!events->is_behind || evbuffer_get_length(events->pending) > 0)
        return true;
    events->is_behind = false;
    return ask(request, events->wish.kinds);
}

static const struct flow_kind events_flow = { fill, is_finished, add_ping, add_error, go_on };

/* Each event's id is the place behind it. */
static void add(struct events *events, const char *event, json_t *json)
{
    char id[EVENT_ID_BYTES];
    sse_add_json(events->pending, event, place_text(events, id), json);
    events->told_sequence = events->wish.sequence;
}

static void add_hello(struct events *events, const struct msg_feed *feed)
{
    char now[CLOCK_TEXT_BYTES];
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string("hello"));
    json_object_set_new(json, "generation", json_integer(feed->generation));
    json_object_set_new(json, "time", json_string(clock_text(clock_unix_ms(), now)));
    json_object_set_new(json, "launcher_up", json_boolean(feed->is_launcher_up));
    /* A place that the client does not know of yet must not be its own before it has heard the reset. */
    if (feed->has_reset)
        sse_add_json(events->pending, "hello", NULL, json);
    else
        add(events, "hello", json);
}

static void add_reset(struct events *events)
{
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string("reset"));
    json_object_set_new(json, "why",
                        json_string("what happened before this is not known any more: read the lists again"));
    add(events, "reset", json);
}

static void add_queue(struct events *events, const struct msg_feed *feed)
{
    bool has_changed = !events->has_numbers || feed->waiting != events->waiting || feed->running != events->running;
    events->has_numbers = true;
    events->waiting = feed->waiting;
    events->running = feed->running;
    if (!has_changed || (events->wish.kinds & FEED_QUEUE) == 0)
        return;
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string("queue"));
    json_object_set_new(json, "waiting", json_integer(feed->waiting));
    json_object_set_new(json, "running", json_integer(feed->running));
    add(events, "queue", json);
}

static void add_config(struct events *events, const struct msg_feed *feed)
{
    bool has_changed = feed->generation != events->generation;
    events->generation = feed->generation;
    if (!has_changed || (events->wish.kinds & FEED_CONFIG) == 0)
        return;
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string("config"));
    json_object_set_new(json, "generation", json_integer(feed->generation));
    add(events, "config", json);
}

static void take_feed(struct events *events, const struct msg_feed *feed)
{
    events->wish.has_cursor = true;
    events->wish.life = feed->life;
    events->wish.sequence = feed->sequence;
    if (feed->has_reset)
        add_reset(events);
    add_queue(events, feed);
    add_config(events, feed);
}

static void take_change(struct events *events, const struct msg_change *change)
{
    events->wish.sequence = change->sequence;
    add(events, "job", json_job_change(change));
}

/* The first answer. */
static void start(struct request *request, const struct msg_feed *feed)
{
    struct events *events = request->state;
    if (request->is_head) {
        request_add_header(request, "Content-Type", CONTENT_TYPE);
        request_reply_empty(request, 200);
        return;
    }
    flow_start(request, 200, CONTENT_TYPE);
    events->wish.life = feed->life;
    events->wish.sequence = feed->sequence;
    events->generation = feed->generation;
    sse_add_hint(events->pending);
    add_hello(events, feed);
    take_feed(events, feed);
    flow_pump(request);
}

/* The keeper takes back what it gave, or is gone. */
static void end(struct request *request, const struct message *message)
{
    struct problem problem;
    if (message != NULL) {
        problem_from_refusal(&problem, &message->body.refused);
    } else {
        problem_init(&problem, "keeper-down", "The keeper went away. Come back with Last-Event-ID.");
        problem.retry_after_s = 1;
    }
    flow_break(request, &problem);
}

static void on_feed(struct request *request, struct message *message)
{
    struct events *events = request->state;
    if (message == NULL || message->type == MSG_REFUSED) {
        end(request, message);
        return;
    }
    if (!request->has_started) {
        if (message->type == MSG_FEED)
            start(request, &message->body.feed);
        else
            request_abort(request); /* a keeper that begins in the middle */
        return;
    }
    if (events->is_behind)
        return;
    if (message->type == MSG_FEED)
        take_feed(events, &message->body.feed);
    else
        take_change(events, &message->body.change);
    events->is_behind = evbuffer_get_length(events->pending) > PENDING_MAX_BYTES;
    if (!events->is_behind || ask(request, 0))
        flow_pump(request);
}

void route_events(struct request *request)
{
    static const char *const offers[] = { CONTENT_TYPE };
    struct problem problem;
    struct events_wish wish;
    const char *why = events_wish_read(&request->query, request_header(request, "Last-Event-ID"), &wish);
    if (why != NULL || accept_choose(request_header(request, "Accept"), offers, 1) < 0) {
        problem_init(&problem, why != NULL ? "bad-query" : "not-acceptable", "%s",
                     why != NULL ? why : "On offer is " CONTENT_TYPE ".");
        request_refuse(request, &problem);
        return;
    }
    struct events *events = calloc(1, sizeof *events);
    if (events == NULL) {
        request_abort(request);
        return;
    }
    *events = (struct events){ .flow.kind = &events_flow, .wish = wish, .pending = evbuffer_new() };
    request->state = events;
    request->free_state = events_free;
    if (events->pending == NULL)
        request_abort(request);
    else
        ask(request, wish.kinds);
}
