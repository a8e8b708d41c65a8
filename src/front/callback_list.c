/* GET /v1/callbacks: what was told to whom, and how that went; POST /v1/callbacks/{id}/redeliver: once more. */
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/base/text.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/proto/channel.h"

#include "body.h"
#include "cursor.h"
#include "handlers.h"
#include "json_in.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

#define LIMIT_DEFAULT 50

struct callback_list {
    json_t *items;
    struct job_id last;
};

static void callback_list_free(void *state)
{
    struct callback_list *list = state;
    json_decref(list->items);
    free(list);
}

static json_t *json_callback(const struct msg_callback *callback)
{
    char type[32];
    const char *event = callback_event_text(callback->event), *state = delivery_state_text(callback->state);
    snprintf(type, sizeof type, "job.%s", event != NULL ? event : "");
    json_t *json = json_object();
    json_object_set_new(json, "id", json_id_or_null(&callback->delivery_id));
    json_object_set_new(json, "type", json_string(type));
    json_object_set_new(json, "target", json_text(callback->target));
    json_object_set_new(json, "job", json_id_or_null(&callback->job_id));
    json_object_set_new(json, "command", json_text(callback->command));
    json_object_set_new(json, "state", json_string(state != NULL ? state : ""));
    json_object_set_new(json, "detail", json_text_or_null(callback->detail));
    json_object_set_new(json, "created_at", json_time_or_null(callback->created_unix_ms));
    json_object_set_new(json, "due_at", json_time_or_null(callback->due_unix_ms));
    json_object_set_new(json, "ended_at", json_time_or_null(callback->ended_unix_ms));
    json_object_set_new(json, "attempt_count", json_integer(callback->attempts));
    return json;
}

static json_t *json_attempt(const struct msg_attempt *attempt)
{
    static const char *const outcomes[OUTCOME_COUNT] = {
        [OUTCOME_NONE] = "none",         [OUTCOME_ANSWERED] = "answered",
        [OUTCOME_DNS] = "dns",           [OUTCOME_CONNECT] = "connect",
        [OUTCOME_TLS] = "tls",           [OUTCOME_TIMEOUT] = "timeout",
        [OUTCOME_PROTOCOL] = "protocol", [OUTCOME_BUSY] = "busy",
        [OUTCOME_INVALID] = "invalid",   [OUTCOME_TOO_LARGE] = "too_large",
        [OUTCOME_INTERNAL] = "internal", [OUTCOME_NETWORK_REFUSED] = "network_refused",
    };
    json_t *json = json_object();
    json_object_set_new(json, "at", json_time_or_null(attempt->unix_ms));
    json_object_set_new(json, "outcome", json_string(outcomes[attempt->outcome]));
    json_object_set_new(json, "status", attempt->status > 0 ? json_integer(attempt->status) : json_null());
    json_object_set_new(json, "duration", json_real(attempt->duration_ms / 1000.0));
    return json;
}

static void answer(struct request *request, bool has_more)
{
    struct callback_list *list = request->state;
    char cursor[CURSOR_BYTES] = "", link[QUERY_MAX_BYTES];
    if (has_more && json_array_size(list->items) > 0) {
        cursor_text(&list->last, &request->query, cursor);
        if (cursor_link("/v1/callbacks", &request->query, cursor, link, sizeof link))
            request_add_header(request, "Link", link);
    }
    json_t *json = json_object();
    json_object_set(json, "items", list->items);
    json_object_set_new(json, "next_cursor", cursor[0] != '\0' ? json_string(cursor) : json_null());
    request_reply_json(request, 200, "application/json", json);
}

static void on_callbacks(struct request *request, struct message *message)
{
    struct callback_list *list = request->state;
    if (message->type == MSG_JOBS_END) {
        answer(request, message->body.jobs_end.has_more);
        return;
    }
    size_t count = json_array_size(list->items);
    if (message->type == MSG_CALLBACK && count < LIST_CALLBACKS_MAX) {
        json_t *json = json_callback(&message->body.callback);
        json_object_set_new(json, "attempts", json_array());
        json_array_append_new(list->items, json);
        list->last = message->body.callback.delivery_id;
    } else if (message->type == MSG_ATTEMPT && count > 0) {
        json_t *attempts = json_object_get(json_array_get(list->items, count - 1), "attempts");
        json_array_append_new(attempts, json_attempt(&message->body.attempt));
    }
    ask_expect_more(request);
}

/* NULL, or what is wrong. */
static const char *read_query(const struct query *query, struct msg_list_callbacks *list)
{
    const char *target = query_get(query, "target"), *state = query_get(query, "state"), *job = query_get(query, "job"),
               *limit_text = query_get(query, "limit"), *cursor = query_get(query, "cursor");
    uint64_t limit = LIMIT_DEFAULT;
    if (target != NULL && (!text_is_name(target) || !text_copy(list->target, sizeof list->target, target)))
        return "'target' must be the name of a callback.";
    if (state != NULL && (list->state = (uint8_t)delivery_state_parse(state)) == DELIVERY_NONE)
        return "'state' must be one of waiting, delivered, failed.";
    if (job != NULL && !job_id_parse(job, &list->job_id))
        return "'job' must be the id of a job.";
    if (limit_text != NULL && (!text_u64(limit_text, LIST_CALLBACKS_MAX, &limit) || limit == 0))
        return "'limit' must be a number from 1 to 100.";
    list->limit = (uint32_t)limit;
    list->has_before = cursor != NULL;
    if (cursor != NULL && !cursor_parse(cursor, query, &list->before))
        return "'cursor' is none that was given out for these filters.";
    return NULL;
}

void route_callback_list(struct request *request)
{
    struct msg_list_callbacks list = { 0 };
    struct problem problem;
    const char *why = read_query(&request->query, &list);
    if (why != NULL) {
        problem_init(&problem, "bad-query", "%s", why);
        request_refuse(request, &problem);
        return;
    }
    struct callback_list *state = calloc(1, sizeof *state);
    if (state == NULL) {
        request_abort(request);
        return;
    }
    state->items = json_array();
    request->state = state;
    request->free_state = callback_list_free;
    ask_list_callbacks(request, &list, on_callbacks);
}

static void on_redelivered(struct request *request, struct message *message)
{
    request_reply_json(request, 202, "application/json", json_callback(&message->body.callback));
}

void route_callback_redeliver(struct request *request)
{
    if (body_nothing(request))
        ask_redeliver(request, on_redelivered);
}
