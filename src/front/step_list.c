/* GET /v1/jobs/{id}/steps: what a sequence has run, runs, and will run. At most STEP_COUNT_MAX, so there are no pages. */
#include <stdlib.h>

#include "sallyport/proto/channel.h"

#include "handlers.h"
#include "json_out.h"
#include "request.h"

static void steps_free(void *state)
{
    json_decref(state);
}

static void on_steps(struct request *request, struct message *message)
{
    json_t *items = request->state;
    if (message->type == MSG_STEP) {
        json_array_append_new(items, json_step(&message->body.step));
        ask_expect_more(request);
        return;
    }
    json_t *json = json_object();
    json_object_set(json, "items", items);
    request_reply_json(request, 200, "application/json", json);
}

void route_step_list(struct request *request)
{
    request->state = json_array();
    request->free_state = steps_free;
    if (request->state == NULL)
        request_abort(request);
    else
        ask_list_steps(request, on_steps);
}
