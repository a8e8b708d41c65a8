/*
 * GET /v1/commands and /v1/commands/{name}. Which commands the caller may see is the keeper's answer, as bits by index; what
 * they look like is in our settings (rights.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"

#include "cursor.h"
#include "front.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

struct command_query {
    uint64_t limit, from;
};

static json_t *command_json(const struct request *request, const struct msg_commands *commands, uint32_t index)
{
    json_t *json = json_copy(request->front->settings.commands[index].json);
    json_object_set_new(json, "rights", json_pack("{s:b}", "run", (int)rights_may_run(commands, (int)index)));
    json_object_set_new(json, "paused", json_boolean(rights_is_paused(commands, (int)index)));
    return json;
}

static bool text_contains(const json_t *json, const char *member, const char *part)
{
    const char *text = json_string_value(json_object_get(json, member));
    return text != NULL && strcasestr(text, part) != NULL;
}

static bool is_wanted(const struct request *request, const struct public_command *command)
{
    const char *part = query_get(&request->query, "q"), *group = query_get(&request->query, "group");
    if (group != NULL) {
        const char *its = json_string_value(json_object_get(command->json, "group"));
        if (its == NULL || strcmp(its, group) != 0)
            return false;
    }
    return part == NULL || strcasestr(command->name, part) != NULL || text_contains(command->json, "title", part) ||
           text_contains(command->json, "description", part);
}

static void answer_list(struct request *request, const struct msg_commands *commands)
{
    const struct public_settings *settings = &request->front->settings;
    const struct command_query *query = request->state;
    json_t *items = json_array();
    char next[24] = "", link[QUERY_MAX_BYTES];
    for (uint32_t i = (uint32_t)query->from; i < settings->command_count; i++) {
        if (!rights_may_see(commands, (int)i) || !is_wanted(request, &settings->commands[i]))
            continue;
        if (json_array_size(items) == query->limit) {
            snprintf(next, sizeof next, "%u", i);
            if (cursor_link("/v1/commands", &request->query, next, link, sizeof link))
                request_add_header(request, "Link", link);
            break;
        }
        json_array_append_new(items, command_json(request, commands, i));
    }
    json_t *json =
        json_pack("{s:o,s:o}", "items", items, "next_cursor", next[0] != '\0' ? json_string(next) : json_null());
    request_reply_json(request, 200, "application/json", json);
}

static void answer_one(struct request *request, const struct msg_commands *commands)
{
    const struct public_settings *settings = &request->front->settings;
    int index = public_settings_find(settings, request->path.name);
    if (!rights_may_see(commands, index)) {
        struct problem problem;
        problem_init(&problem, "not-found", "There is no such command, or it is not yours to see.");
        request_problem(request, &problem);
        return;
    }
    bool is_runnable = rights_may_run(commands, index);
    char etag[64], paused[32] = "";
    if (commands->pause.is_paused)
        snprintf(paused, sizeof paused, "-%llu", (unsigned long long)commands->pause.since_unix_ms);
    snprintf(etag, sizeof etag, "W/\"%u-%d-%d%s\"", settings->generation, index, is_runnable, paused);
    request_add_header(request, "ETag", etag);
    if (etag_matches(request_header(request, "If-None-Match"), etag)) {
        request_reply_empty(request, 304);
        return;
    }
    json_t *json = command_json(request, commands, (uint32_t)index);
    json_object_set_new(json, "pause", json_pause(&commands->pause));
    request_reply_json(request, 200, "application/json", json);
}

static void answer(struct request *request, const struct msg_commands *commands)
{
    if (request->path.name[0] != '\0')
        answer_one(request, commands);
    else
        answer_list(request, commands);
}

static void start(struct request *request, uint64_t limit, uint64_t from)
{
    struct command_query *query = malloc(sizeof *query);
    if (query == NULL) {
        request_abort(request);
        return;
    }
    *query = (struct command_query){ .limit = limit, .from = from };
    request->state = query;
    request->free_state = free;
    rights_ask(request, answer);
}

void route_command_list(struct request *request)
{
    const char *limit_text = query_get(&request->query, "limit"), *cursor = query_get(&request->query, "cursor");
    uint64_t limit = COMMAND_COUNT_MAX, from = 0;
    struct problem problem;
    if (limit_text != NULL && (!text_u64(limit_text, COMMAND_COUNT_MAX, &limit) || limit == 0)) {
        problem_init(&problem, "bad-query", "'limit' must be a number from 1 to %d.", COMMAND_COUNT_MAX);
        request_refuse(request, &problem);
    } else if (cursor != NULL && !text_u64(cursor, COMMAND_COUNT_MAX, &from)) {
        problem_init(&problem, "bad-query", "'cursor' is none that was given out.");
        request_refuse(request, &problem);
    } else {
        start(request, limit, from);
    }
}

void route_command_read(struct request *request)
{
    start(request, 1, 0);
}
