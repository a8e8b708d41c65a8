/*
 * A sequence has no output of its own: what there is to see is that of its steps, each a job with a stream like any other. They
 * are shown in the order of their numbers, each from its first byte to its last. Of steps that run at once, a later one is
 * shown when those before it have ended: nothing is lost by that, for output is kept, and no line is torn.
 */
#include "follow_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "sallyport/base/error.h"
#include "say.h"

#define DEPTH_MAX 8 /* of sequences in sequences; the configuration refuses circles, and a server is not believed */

/* One sequence, itself or as a step of another. */
struct sequence {
    char id[32];
    bool has_ended;
    unsigned depth;
};

static int show_sequence(struct following *following, const char *id, unsigned depth);

/* GET, tried again as a lost stream is. 0 with the JSON, which the caller owns, or the exit code. */
static int ask(struct following *following, const char *path, json_t **ret_json)
{
    struct request request = { .method = "GET", .path = path };
    for (unsigned tries = 0;; tries++) {
        struct response response;
        struct error err;
        int done = client_call(following->client, &request, &response, &err);
        if (done == 0 && (response.status != 200 || response.json == NULL))
            done = client_refusal(following->client, &response, &err);
        bool may_pass = follow_is_passing(response.status);
        if (done == 0)
            *ret_json = json_incref(response.json);
        response_done(&response);
        if (done == 0) {
            if (following->has_told_loss)
                say_dim("connected again");
            following->lost_since_ms = 0;
            following->has_told_loss = false;
            return 0;
        }
        if (!may_pass) {
            say("the steps of job %s cannot be followed: %s", following->id, err.text);
            return CODE_TROUBLE;
        }
        if (follow_wait_to_retry(following, tries, &err) != 0)
            return following->stop_code != 0 ? following->stop_code : CODE_TROUBLE;
    }
}

/* Whether the sequence has ended, which is waited for a second. 0 or the exit code. */
static int wait_for_news(struct following *following, struct sequence *sequence)
{
    char path[128];
    json_t *job = NULL;
    struct report report;
    snprintf(path, sizeof path, "/v1/jobs/%s?wait=1s", sequence->id);
    int code = ask(following, path, &job);
    if (code == 0 && follow_woken(following) != 0)
        code = following->stop_code;
    if (code == 0 && report_read(job, &report))
        sequence->has_ended = report_has_ended(&report);
    json_decref(job);
    return code;
}

/* The stream of one step, from its beginning. 0 or the exit code. */
static int show_step(struct following *following, const struct sequence *sequence, const json_t *step, size_t count)
{
    const char *id = json_string_value(json_object_get(step, "job"));
    const char *command = json_string_value(json_object_get(step, "command"));
    long long index = json_integer_value(json_object_get(step, "index"));
    if (!following->cli->is_quiet)
        say_dim("step %lld of %zu: %s (job %s)", index, count, command != NULL ? command : "?", id);

    snprintf(following->step_id, sizeof following->step_id, "%s", id);
    following->has_offset = following->has_end = following->has_told_queue = following->leaves_for_steps = false;
    following->next_offset = 0;
    following->step_count = 0;
    following->report = (struct report){ .state = JOB_REFUSED };
    memset(following->plain, 0, sizeof following->plain);
    int code = follow_connections(following, NULL);
    struct report report = following->report;
    if (code == 0 && following->leaves_for_steps)
        return show_sequence(following, id, sequence->depth + 1);

    char sentence[1024];
    bool has_failed = following->has_end && report.state != JOB_SUCCEEDED;
    if (code == 0 && has_failed && !following->cli->is_quiet && json_is_true(json_object_get(step, "continue")))
        say_dim("%s; the sequence goes on", report_sentence(&report, sentence));
    return code;
}

enum turn { TURN_DONE, TURN_WAIT };

/* What one step's report asks for. 0 or the exit code. */
static int take_turn(struct following *following, const struct sequence *sequence, const json_t *step, size_t count,
                     enum turn *ret_turn)
{
    const char *state = json_string_value(json_object_get(step, "state"));
    const char *message = json_string_value(json_object_get(step, "message"));
    struct error err;
    *ret_turn = TURN_DONE;
    if (json_is_string(json_object_get(step, "job"))) {
        if (job_id_check(json_string_value(json_object_get(step, "job")), &err) == 0)
            return show_step(following, sequence, step, count);
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    if (state != NULL && strcmp(state, "refused") == 0 && !following->cli->is_quiet)
        say_dim("step %lld of %zu was refused: %s", (long long)json_integer_value(json_object_get(step, "index")),
                count, message != NULL ? message : "without a reason");
    if (state != NULL && strcmp(state, "pending") == 0)
        *ret_turn = TURN_WAIT;
    return 0;
}

static int show_sequence(struct following *following, const char *id, unsigned depth)
{
    struct sequence sequence = { .depth = depth };
    char path[128];
    size_t count = 1;
    int code = 0;
    snprintf(sequence.id, sizeof sequence.id, "%s", id);
    snprintf(path, sizeof path, "/v1/jobs/%s/steps", sequence.id);
    if (depth == DEPTH_MAX) {
        say("the steps of job %s are not shown: so many sequences in each other are not believed", id);
        return 0;
    }
    for (size_t at = 0; at < count && code == 0;) {
        json_t *steps = NULL;
        enum turn turn = TURN_WAIT;
        code = ask(following, path, &steps);
        const json_t *items = json_object_get(steps, "items");
        count = json_array_size(items);
        if (code == 0 && at < count)
            code = take_turn(following, &sequence, json_array_get(items, at), count, &turn);
        json_decref(steps);
        if (turn == TURN_DONE || sequence.has_ended || following->options->once)
            at++;
        else if (code == 0)
            code = wait_for_news(following, &sequence);
    }
    /* How the whole ended is asked by our caller, so it must have. */
    while (code == 0 && !sequence.has_ended && !following->options->once)
        code = wait_for_news(following, &sequence);
    return code;
}

int follow_steps(struct following *following)
{
    char id[32];
    memcpy(id, following->id, sizeof id);
    int code = show_sequence(following, id, 0);
    following->step_id[0] = '\0';
    following->has_end = !following->options->once;
    return code;
}
