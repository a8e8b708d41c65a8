/* GET /v1/tokens: who may call, and when each did last. They are the configuration's: here they are read. */
#include <stdlib.h>

#include "sallyport/proto/channel.h"
#include "sallyport/proto/settings.h"

#include "handlers.h"
#include "json_out.h"
#include "request.h"

static void callers_free(void *state)
{
    json_decref(state);
}

static void on_callers(struct request *request, struct message *message)
{
    json_t *items = request->state;
    if (message->type == MSG_CALLER) {
        json_array_append_new(items, json_caller(&message->body.caller));
        ask_expect_more(request);
    } else if (message->body.jobs_end.has_more && json_array_size(items) < TOKEN_COUNT_MAX) {
        ask_list_callers(request, (uint32_t)json_array_size(items), on_callers);
    } else {
        json_t *json = json_object();
        json_object_set(json, "items", items);
        request_reply_json(request, 200, "application/json", json);
    }
}

void route_caller_list(struct request *request)
{
    request->state = json_array();
    request->free_state = callers_free;
    if (request->state == NULL)
        request_abort(request);
    else
        ask_list_callers(request, 0, on_callers);
}
