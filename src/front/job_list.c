/*
 * GET /v1/jobs: a page of jobs, newest first; and GET /v1/queue: of those that wait, in their order. The keeper sends one message
 * for each, then says whether there are more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"

#include "cursor.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"
#include "timestamp.h"

#define LIMIT_DEFAULT 50

struct job_list {
    const char *path;
    json_t *(*item)(const struct msg_job *job);
    json_t *items;
    struct job_id last;
    uint32_t limit;
};

static void job_list_free(void *state)
{
    struct job_list *list = state;
    json_decref(list->items);
    free(list);
}

static void answer(struct request *request, bool has_more)
{
    struct job_list *list = request->state;
    char cursor[CURSOR_BYTES] = "", link[QUERY_MAX_BYTES];
    if (has_more && json_array_size(list->items) > 0) {
        cursor_text(&list->last, &request->query, cursor);
        if (cursor_link(list->path, &request->query, cursor, link, sizeof link))
            request_add_header(request, "Link", link);
    }
    json_t *json = json_object();
    json_object_set(json, "items", list->items);
    json_object_set_new(json, "next_cursor", cursor[0] != '\0' ? json_string(cursor) : json_null());
    request_reply_json(request, 200, "application/json", json);
}

static void on_jobs(struct request *request, struct message *message)
{
    struct job_list *list = request->state;
    if (message->type == MSG_JOBS_END) {
        answer(request, message->body.jobs_end.has_more);
        return;
    }
    if (json_array_size(list->items) < list->limit) {
        json_array_append_new(list->items, list->item(&message->body.job));
        list->last = message->body.job.job_id;
    }
    ask_expect_more(request);
}

/* The readers below: NULL, or what is wrong. */
static const char *read_names(const struct query *query, struct msg_list_jobs *list)
{
    const char *command = query_get(query, "command"), *actor = query_get(query, "actor"),
               *state = query_get(query, "state");
    enum job_state number;
    if (command != NULL && (!text_is_name(command) || !text_copy(list->command, sizeof list->command, command)))
        return "'command' must be the name of a command.";
    if (actor != NULL && (actor[0] == '\0' || !text_copy(list->actor, sizeof list->actor, actor)))
        return "'actor' must be the name of a caller.";
    if (state == NULL)
        return NULL;
    if (!job_state_parse(state, &number))
        return "'state' must be one of queued, starting, running, stopping, succeeded, failed, timed_out, cancelled, "
               "rejected, lost, "
               "launch_failed.";
    list->state = (uint8_t)number;
    return NULL;
}

static const char *read_label(const struct query *query, struct msg_list_jobs *list, uint8_t room[512])
{
    const char *label = query_get(query, "label");
    if (label == NULL)
        return NULL;
    const char *equals = strchr(label, '=');
    struct writer out = { room, 512 };
    if (equals == NULL || equals == label)
        return "'label' must be NAME=VALUE.";
    struct span name = { (const uint8_t *)label, (uint32_t)(equals - label) };
    struct span value = { (const uint8_t *)equals + 1, (uint32_t)strlen(equals + 1) };
    if (!entries_add(&out, ENTRY_LABEL, name, value, (struct span){ 0 }))
        return "'label' is too long.";
    list->label = (struct span){ room, (uint32_t)(512 - out.left) };
    return NULL;
}

static const char *read_parent(const struct query *query, struct msg_list_jobs *list)
{
    const char *parent = query_get(query, "parent");
    if (parent != NULL && !job_id_parse(parent, &list->parent))
        return "'parent' must be the id of a job.";
    return NULL;
}

static const char *read_times(const struct query *query, struct msg_list_jobs *list)
{
    const char *since = query_get(query, "since"), *until = query_get(query, "until");
    uint64_t now_ms = clock_unix_ms();
    if ((since != NULL && !timestamp_parse(since, now_ms, &list->since_unix_ms)) ||
        (until != NULL && !timestamp_parse(until, now_ms, &list->until_unix_ms)))
        return "'since' and 'until' must be times such as 2026-03-01T10:00:00Z, or durations ago such as 2h.";
    return NULL;
}

static const char *read_page(const struct query *query, struct msg_list_jobs *list)
{
    const char *limit_text = query_get(query, "limit"), *cursor = query_get(query, "cursor");
    uint64_t limit = LIMIT_DEFAULT;
    if (limit_text != NULL && (!text_u64(limit_text, LIST_JOBS_MAX, &limit) || limit == 0))
        return "'limit' must be a number from 1 to 200.";
    list->limit = (uint32_t)limit;
    list->has_before = cursor != NULL;
    if (cursor != NULL && !cursor_parse(cursor, query, &list->before))
        return "'cursor' is none that was given out for these filters.";
    return NULL;
}

/* `why`: what is wrong with the query, or NULL. */
static void ask(struct request *request, const char *why, struct msg_list_jobs *list, const struct job_list *kind)
{
    if (why != NULL) {
        struct problem problem;
        problem_init(&problem, "bad-query", "%s", why);
        request_refuse(request, &problem);
        return;
    }
    struct job_list *state = malloc(sizeof *state);
    if (state == NULL) {
        request_abort(request);
        return;
    }
    *state = *kind;
    state->items = json_array();
    state->limit = list->limit;
    request->state = state;
    request->free_state = job_list_free;
    ask_list_jobs(request, list, on_jobs);
}

void route_job_list(struct request *request)
{
    struct msg_list_jobs list = { 0 };
    uint8_t label[512];
    const char *why = read_names(&request->query, &list);
    if (why == NULL)
        why = read_label(&request->query, &list, label);
    if (why == NULL)
        why = read_parent(&request->query, &list);
    if (why == NULL)
        why = read_times(&request->query, &list);
    if (why == NULL)
        why = read_page(&request->query, &list);
    ask(request, why, &list, &(struct job_list){ .path = "/v1/jobs", .item = json_job });
}

void route_queue(struct request *request)
{
    struct msg_list_jobs list = { .is_queue = true };
    const char *why = read_names(&request->query, &list);
    if (why == NULL)
        why = read_page(&request->query, &list);
    ask(request, why, &list, &(struct job_list){ .path = "/v1/queue", .item = json_job_waiting });
}
