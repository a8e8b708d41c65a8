/*
 * POST /v1/config/reload. The keeper answers when the new generation is in effect there; ours was handed to us before that answer
 * was given, but we may not have read it yet. A client that has its 200 must meet the new generation wherever it asks, so the
 * answer waits for that.
 */
#include <stdlib.h>

#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"

#include "body.h"
#include "front.h"
#include "handlers.h"
#include "json_in.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

#define SETTINGS_LOOK_MS 10
#define SETTINGS_LOOKS   200

struct taken {
    uint32_t generation;
    unsigned looks;
    json_t *json;
};

static void taken_free(void *state)
{
    struct taken *taken = state;
    json_decref(taken->json);
    free(taken);
}

static void answer_when_ours(struct request *request)
{
    struct taken *taken = request->state;
    if (request->front->settings.generation >= taken->generation) {
        request_reply_json(request, 200, "application/json", json_incref(taken->json));
        return;
    }
    if (++taken->looks < SETTINGS_LOOKS) {
        request_set_timer(request, SETTINGS_LOOK_MS, answer_when_ours);
        return;
    }
    struct problem problem;
    problem_init(&problem, "reloading", "Generation %u is in effect, but not in all of the service yet. Try again.",
                 taken->generation);
    problem.retry_after_s = 1;
    request_problem(request, &problem);
}

static json_t *json_of_lines(struct span lines)
{
    struct reader in = { lines.data, lines.size };
    struct entry entry;
    json_t *json = json_array();
    while (entries_next(&in, &entry) > 0)
        if (entry.kind == ENTRY_ERROR)
            json_array_append_new(json, json_text_span(entry.extra));
    return json;
}

static void on_taken(struct request *request, struct message *message)
{
    const struct msg_reload_taken *told = &message->body.reload_taken;
    struct taken *taken = malloc(sizeof *taken);
    if (taken == NULL) {
        request_abort(request);
        return;
    }
    *taken = (struct taken){ .generation = told->generation, .json = json_object() };
    json_object_set_new(taken->json, "generation", json_integer(told->generation));
    json_object_set_new(taken->json, "changed", json_boolean(told->has_changed));
    json_object_set_new(taken->json, "warnings", json_of_lines(told->warnings));
    request->state = taken;
    request->free_state = taken_free;
    answer_when_ours(request);
}

void route_config_reload(struct request *request)
{
    if (body_nothing(request))
        ask_reload(request, on_taken);
}
