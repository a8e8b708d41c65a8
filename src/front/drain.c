/* /v1/drain: whether the service takes jobs, and how many it still has to do. */
#include "sallyport/proto/channel.h"

#include "body.h"
#include "handlers.h"
#include "json_in.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

static void on_state(struct request *request, struct message *message)
{
    const struct msg_drain_state *state = &message->body.drain_state;
    json_t *json = json_object();
    json_object_set_new(json, "on", json_boolean(state->is_on));
    json_object_set_new(json, "running", json_integer(state->running));
    json_object_set_new(json, "queued", json_integer(state->queued));
    request_reply_json(request, 200, "application/json", json);
}

void route_drain_read(struct request *request)
{
    ask_read_drain(request, on_state);
}

void route_drain(struct request *request)
{
    const uint8_t *body;
    size_t size;
    struct problem problem;
    struct msg_drain drain;
    if (!body_json(request, &body, &size))
        return;
    if (json_in_drain(body, size, &drain, &problem) < 0)
        request_refuse(request, &problem);
    else
        ask_drain(request, &drain, on_state);
}
