/*
 * Both waits are a watch on the job. The keeper says how it stands, then says so again at each change; on_job_seen
 * decides whether that is news enough, and on_wait_over answers with what was said last.
 */
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/channel.h"

#include "front.h"
#include "handlers.h"
#include "json_out.h"
#include "output_head.h"
#include "problem.h"
#include "request.h"

struct wait {
    bool
        is_submit; /* answers a POST: 200 at the job's end for who waited for it, else 202, however quick the job was */
    bool has_seen;
    uint64_t deadline_ms; /* monotonic; 0: no wait */
    uint8_t first_state;
    uint8_t last_state;
    char etag[JOB_ETAG_BYTES];
    json_t *job; /* as told last */
};

static void wait_free(void *state)
{
    struct wait *wait = state;
    json_decref(wait->job);
    free(wait);
}

static json_t *job_take(struct wait *wait)
{
    json_t *job = wait->job;
    wait->job = NULL;
    return job;
}

static json_t *minimal(json_t *job)
{
    json_t *json = json_object();
    static const char *const members[] = { "id", "url", "state" };
    for (size_t i = 0; i < 3; i++)
        json_object_set(json, members[i], json_object_get(job, members[i]));
    json_decref(job);
    return json;
}

static bool is_waited_for_and_ended(const struct wait *wait)
{
    return wait->deadline_ms != 0 && job_has_ended(wait->last_state);
}

static void answer_submit(struct request *request)
{
    struct wait *wait = request->state;
    bool has_ended = is_waited_for_and_ended(wait);
    if (request->prefer.return_minimal)
        request_add_header(request, "Preference-Applied", "return=minimal");
    if (!has_ended)
        request_add_header(request, "Retry-After", "1");
    json_t *job = job_take(wait);
    request_reply_json(request, has_ended ? 200 : 202, "application/json",
                       request->prefer.return_minimal ? minimal(job) : job);
}

void answer_accepted(struct request *request)
{
    struct msg_job job = { .job_id = request->path.job_id, .state = JOB_QUEUED };
    request_add_header(request, "Retry-After", "1");
    request_reply_json(request, 202, "application/json", json_job_minimal(&job));
}

static void answer_job(struct request *request)
{
    struct wait *wait = request->state;
    request_add_header(request, "ETag", wait->etag);
    if (etag_matches(request_header(request, "If-None-Match"), wait->etag))
        request_reply_empty(request, 304);
    else
        request_reply_json(request, 200, "application/json", job_take(wait));
}

/* The output's beginning belongs to the answer of a submit that waited. */
static void on_head_read(struct request *request, json_t *head)
{
    struct wait *wait = request->state;
    if (head != NULL)
        json_object_set_new(json_object_get(wait->job, "output"), "head", head);
    answer_submit(request);
}

static void on_wait_over(struct request *request)
{
    struct wait *wait = request->state;
    ask_forget(&request->asks[ASK_MAIN]);
    if (!wait->is_submit)
        answer_job(request);
    else if (is_waited_for_and_ended(wait) && !request->prefer.return_minimal)
        output_head_read(request, on_head_read);
    else
        answer_submit(request);
}

/* What the request waits for has come, short of the end. */
static bool is_news(const struct request *request, const struct wait *wait)
{
    if (wait->is_submit)
        return false;
    const char *known = request_header(request, "If-None-Match");
    return known != NULL ? !etag_matches(known, wait->etag) : wait->last_state != wait->first_state;
}

static void on_job_seen(struct request *request, struct message *message)
{
    struct wait *wait = request->state;
    if (message == NULL || message->type == MSG_REFUSED) {
        if (wait->has_seen)
            answer_submit(request);
        else
            answer_accepted(request); /* who may run a job need not be allowed to read it */
        return;
    }
    const struct msg_job *job = &message->body.job;
    json_decref(wait->job);
    wait->job = json_job(job);
    wait->last_state = job->state;
    job_etag(job, wait->etag);
    bool is_first = !wait->has_seen;
    if (is_first)
        wait->first_state = job->state;
    wait->has_seen = true;
    uint64_t now_ms = clock_monotonic_ms();
    if (wait->deadline_ms <= now_ms || job_has_ended(job->state) || is_news(request, wait))
        on_wait_over(request);
    else
        request_set_timer(request, (uint32_t)(wait->deadline_ms - now_ms), on_wait_over);
}

static void wait_start(struct request *request, bool is_submit, uint32_t wait_ms)
{
    struct wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) {
        request_abort(request);
        return;
    }
    wait->is_submit = is_submit;
    uint32_t max_wait_ms = request->front->settings.max_wait_ms;
    if (wait_ms > 0)
        wait->deadline_ms = clock_monotonic_ms() + (wait_ms < max_wait_ms ? wait_ms : max_wait_ms);
    request->state = wait;
    request->free_state = wait_free;
    ask_read_job(request, wait_ms > 0, on_job_seen);
}

void wait_new_job(struct request *request)
{
    const struct public_settings *settings = &request->front->settings;
    const struct prefer *prefer = &request->prefer;
    int command = public_settings_find(settings, request->path.name);
    bool is_sync = command >= 0 && settings->commands[command].is_sync;
    uint32_t wait_ms = 0;
    if (prefer->respond_async) {
        request_add_header(request, "Preference-Applied", "respond-async");
    } else if (prefer->has_wait) {
        char applied[32];
        wait_ms = prefer->wait_ms < settings->max_wait_ms ? prefer->wait_ms : settings->max_wait_ms;
        snprintf(applied, sizeof applied, "wait=%u", wait_ms / 1000);
        request_add_header(request, "Preference-Applied", applied);
    } else if (is_sync) {
        wait_ms = settings->max_wait_ms;
    }
    wait_start(request, true, wait_ms);
}

void route_job_read(struct request *request)
{
    const char *text = query_get(&request->query, "wait");
    uint64_t ms = 0;
    if (text != NULL && !text_duration_ms(text, &ms)) {
        struct problem problem;
        problem_init(&problem, "bad-query", "'wait' must be a duration with its unit, such as 30s.");
        request_refuse(request, &problem);
        return;
    }
    wait_start(request, false, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX);
}
