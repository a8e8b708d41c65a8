/* GET /v1/schedules: what runs by the clock, and when it comes next. They are the configuration's: here they are read. */
#include <stdlib.h>

#include "sallyport/proto/channel.h"

#include "handlers.h"
#include "json_out.h"
#include "request.h"

static void schedules_free(void *state)
{
    json_decref(state);
}

static void on_schedules(struct request *request, struct message *message)
{
    json_t *items = request->state;
    if (message->type == MSG_SCHEDULE) {
        json_array_append_new(items, json_schedule(&message->body.schedule));
        ask_expect_more(request);
        return;
    }
    json_t *json = json_object();
    json_object_set(json, "items", items);
    request_reply_json(request, 200, "application/json", json);
}

void route_schedule_list(struct request *request)
{
    request->state = json_array();
    request->free_state = schedules_free;
    if (request->state == NULL)
        request_abort(request);
    else
        ask_list_schedules(request, on_schedules);
}
