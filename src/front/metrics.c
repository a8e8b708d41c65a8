/*
 * GET /metrics: the keeper hands over what it counted as a sealed file, the text is made of that and of our own numbers, and
 * goes out as the client takes it. How many texts there are at once is bounded, for on their own listener nobody needs a
 * token to ask for one.
 */
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>

#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/proto/channel.h"

#include "exposition.h"
#include "flow.h"
#include "front.h"
#include "handlers.h"
#include "keeper_metrics.h"
#include "problem.h"
#include "request.h"

#define SCRAPES_MAX 8

struct scrape {
    struct flow flow;
    struct front *front;
    struct evbuffer *text; /* what is left of it */
};

static int fill(struct request *request, struct evbuffer *chunk, size_t room)
{
    struct scrape *scrape = request->state;
    return evbuffer_remove_buffer(scrape->text, chunk, room) < 0 ? -ENOMEM : 0;
}

static bool is_finished(const struct request *request)
{
    const struct scrape *scrape = request->state;
    return evbuffer_get_length(scrape->text) == 0;
}

static const struct flow_kind scrape_flow = { .fill = fill, .is_finished = is_finished };

static void scrape_free(void *state)
{
    struct scrape *scrape = state;
    scrape->front->scrapes--;
    if (scrape->text != NULL)
        evbuffer_free(scrape->text);
    free(scrape);
}

static void refuse_internal(struct request *request, const struct error *err)
{
    struct problem problem;
    log_error("request=%s metrics cannot be told: %s", request->id, err->text);
    problem_init(&problem, "internal", "The metrics cannot be told. The operator finds the reason in the log.");
    request_problem(request, &problem);
}

static void on_metrics(struct request *request, struct message *message)
{
    struct scrape *scrape = request->state;
    struct keeper_metrics metrics;
    struct error err = { 0 };
    if (keeper_metrics_read(message->fds[0], &metrics, &err) < 0) {
        refuse_internal(request, &err);
        return;
    }
    metrics_write(request->front, &metrics, scrape->text);
    keeper_metrics_done(&metrics);
    request_add_header_number(request, "Content-Length", evbuffer_get_length(scrape->text));
    if (request->is_head) {
        request_add_header(request, "Content-Type", EXPOSITION_TYPE);
        request_reply_empty(request, 200);
        return;
    }
    flow_start(request, 200, EXPOSITION_TYPE);
    flow_pump(request);
}

void route_metrics(struct request *request)
{
    struct front *front = request->front;
    if (front->scrapes == SCRAPES_MAX) {
        struct problem problem;
        problem_init(&problem, "rate-limited", "As many ask for metrics as may at once. Try again later.");
        problem.retry_after_s = 1;
        request_refuse(request, &problem);
        return;
    }
    struct scrape *scrape = calloc(1, sizeof *scrape);
    if (scrape == NULL) {
        request_abort(request);
        return;
    }
    front->scrapes++;
    *scrape = (struct scrape){ .flow.kind = &scrape_flow, .front = front, .text = evbuffer_new() };
    request->state = scrape;
    request->free_state = scrape_free;
    if (scrape->text == NULL)
        request_abort(request);
    else
        ask_read_metrics(request, on_metrics);
}
