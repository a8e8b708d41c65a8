/* GET /v1/hooks, GET /v1/hooks/{name}/deliveries, and POST /v1/hooks/{name}/deliveries/{id}/redeliver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"

#include "body.h"
#include "cursor.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

#define LIMIT_DEFAULT 50

struct hook_list {
    json_t *items;
    struct job_id last;
};

static void hook_list_free(void *state)
{
    struct hook_list *list = state;
    json_decref(list->items);
    free(list);
}

/* False: the request is gone. */
static bool begin_list(struct request *request)
{
    struct hook_list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        request_abort(request);
        return false;
    }
    list->items = json_array();
    request->state = list;
    request->free_state = hook_list_free;
    return true;
}

static void on_hooks(struct request *request, struct message *message)
{
    struct hook_list *list = request->state;
    if (message->type == MSG_HOOK_INFO) {
        const struct msg_hook_info *info = &message->body.hook_info;
        json_t *json = json_object();
        json_object_set_new(json, "name", json_text(info->hook));
        json_object_set_new(json, "command", json_text(info->command));
        json_object_set_new(json, "preset", json_text(info->preset));
        json_object_set_new(json, "secrets", json_integer(info->secret_count));
        json_object_set_new(json, "last_delivery_at", json_time_or_null(info->last_unix_ms));
        json_array_append_new(list->items, json);
        ask_expect_more(request);
        return;
    }
    json_t *json = json_object();
    json_object_set(json, "items", list->items);
    request_reply_json(request, 200, "application/json", json);
}

void route_hook_list(struct request *request)
{
    if (begin_list(request))
        ask_list_hooks(request, on_hooks);
}

static json_t *json_delivery(const struct msg_hook_delivery *delivery)
{
    static const char *const fates[HOOK_FATE_COUNT] = { "", "accepted", "ignored", "refused" };
    json_t *json = json_object();
    json_object_set_new(json, "id", json_id_or_null(&delivery->delivery_id));
    json_object_set_new(json, "verdict", json_string(fates[delivery->fate]));
    json_object_set_new(json, "delivery", json_text_or_null(delivery->delivery));
    json_object_set_new(json, "event", json_text_or_null(delivery->event));
    json_object_set_new(json, "detail", json_text_or_null(delivery->detail));
    json_object_set_new(json, "job", json_id_or_null(&delivery->job_id));
    json_object_set_new(json, "address", json_text_or_null(delivery->address));
    json_object_set_new(json, "bytes", json_integer((json_int_t)delivery->bytes));
    json_object_set_new(json, "count", json_integer(delivery->count));
    json_object_set_new(json, "created_at", json_time_or_null(delivery->created_unix_ms));
    json_object_set_new(json, "seen_at", json_time_or_null(delivery->seen_unix_ms));
    return json;
}

static void answer_page(struct request *request, bool has_more)
{
    struct hook_list *list = request->state;
    char cursor[CURSOR_BYTES] = "", link[QUERY_MAX_BYTES], path[NAME_MAX_BYTES + 32];
    snprintf(path, sizeof path, "/v1/hooks/%s/deliveries", request->path.name);
    if (has_more && json_array_size(list->items) > 0) {
        cursor_text(&list->last, &request->query, cursor);
        if (cursor_link(path, &request->query, cursor, link, sizeof link))
            request_add_header(request, "Link", link);
    }
    json_t *json = json_object();
    json_object_set(json, "items", list->items);
    json_object_set_new(json, "next_cursor", cursor[0] != '\0' ? json_string(cursor) : json_null());
    request_reply_json(request, 200, "application/json", json);
}

static void on_deliveries(struct request *request, struct message *message)
{
    struct hook_list *list = request->state;
    if (message->type == MSG_JOBS_END) {
        answer_page(request, message->body.jobs_end.has_more);
        return;
    }
    if (json_array_size(list->items) < LIST_HOOK_DELIVERIES_MAX) {
        json_array_append_new(list->items, json_delivery(&message->body.hook_delivery));
        list->last = message->body.hook_delivery.delivery_id;
    }
    ask_expect_more(request);
}

void route_hook_deliveries(struct request *request)
{
    const char *limit_text = query_get(&request->query, "limit"), *cursor = query_get(&request->query, "cursor");
    struct msg_list_hook_deliveries asked = { .has_before = cursor != NULL };
    struct problem problem;
    uint64_t limit = LIMIT_DEFAULT;
    if (limit_text != NULL && (!text_u64(limit_text, LIST_HOOK_DELIVERIES_MAX, &limit) || limit == 0)) {
        problem_init(&problem, "bad-query", "'limit' must be a number from 1 to %d.", LIST_HOOK_DELIVERIES_MAX);
        request_refuse(request, &problem);
    } else if (cursor != NULL && !cursor_parse(cursor, &request->query, &asked.before)) {
        problem_init(&problem, "bad-query", "'cursor' is none that was given out for these filters.");
        request_refuse(request, &problem);
    } else if (begin_list(request)) {
        asked.limit = (uint32_t)limit;
        memcpy(asked.hook, request->path.name, sizeof asked.hook);
        ask_list_hook_deliveries(request, &asked, on_deliveries);
    }
}

static void on_redelivered(struct request *request, struct message *message)
{
    const struct job_id *job_id = &message->body.submitted.job_id;
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES];
    request_add_header(request, "Sallyport-Job", job_id_text(job_id, id));
    request_add_header(request, "Location", job_url(job_id, url));
    request_reply_json(request, 202, "application/json", json_pack("{s:s, s:s}", "job", id, "url", url));
}

void route_hook_redeliver(struct request *request)
{
    struct msg_hook_redeliver again = { .delivery_id = request->path.job_id };
    memcpy(again.hook, request->path.name, sizeof again.hook);
    if (body_nothing(request))
        ask_hook_redeliver(request, &again, on_redelivered);
}
