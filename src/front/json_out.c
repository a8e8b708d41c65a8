#include "json_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"
#include "sallyport/proto/settings.h"

json_t *json_step(const struct msg_step *step)
{
    const char *state = step->is_skipped                ? (step->message[0] != '\0' ? "refused" : "skipped")
                        : job_id_is_none(&step->job_id) ? "pending"
                                                        : job_state_text(step->state);
    json_t *json = json_object();
    json_object_set_new(json, "index", json_integer(step->index));
    json_object_set_new(json, "command", json_text(step->command));
    json_object_set_new(json, "params", json_entries(step->params));
    json_object_set_new(json, "continue", json_boolean(step->continues));
    json_object_set_new(json, "state", json_string(state));
    json_object_set_new(json, "job", json_id_or_null(&step->job_id));
    json_object_set_new(json, "message", json_text_or_null(step->message));
    return json;
}

static json_t *json_words(const char *text)
{
    json_t *words = json_array();
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, " ");
        if (size > 0)
            json_array_append_new(words, json_text_span((struct span){ (const uint8_t *)at, (uint32_t)size }));
        at += size + (at[size] == ' ');
    }
    return words;
}

json_t *json_schedule(const struct msg_schedule *schedule)
{
    static const char *const forms[] = { "none", "cron", "every", "at" };
    static const char *const policies[] = { "skip", "run-once", "run-all" };
    char id[JOB_ID_TEXT_BYTES];
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(schedule->name));
    json_object_set_new(json, "command", json_text(schedule->command));
    json_object_set_new(json, "params", json_entries(schedule->params));
    json_object_set_new(json, forms[schedule->form], json_text(schedule->text));
    json_object_set_new(json, "zone", json_text(schedule->zone));
    json_object_set_new(json, "jitter", json_seconds((uint64_t)schedule->jitter_ms * 1000));
    json_object_set_new(json, "missed", json_string(policies[schedule->missed]));
    json_object_set_new(json, "enabled", json_boolean(schedule->is_enabled));
    json_object_set_new(json, "next", json_words(schedule->next));
    json_t *last = schedule->has_job ? json_object() : json_null();
    if (schedule->has_job) {
        json_object_set_new(last, "id", json_string(job_id_text(&schedule->job_id, id)));
        json_object_set_new(last, "state", json_string(job_state_text(schedule->job_state)));
    }
    json_object_set_new(json, "last", last);
    return json;
}

json_t *json_caller(const struct msg_caller *caller)
{
    bool is_token = caller->kind == IDENTITY_TOKEN, is_peer = caller->kind == IDENTITY_PEER;
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(caller->name));
    json_object_set_new(json, "kind", json_string(identity_kind_text(caller->kind)));
    json_object_set_new(json, "uid", is_peer ? json_integer(caller->uid) : json_null());
    json_object_set_new(json, "allow", json_words(caller->scopes));
    json_object_set_new(json, "narrowed", json_boolean(caller->is_narrowed));
    json_object_set_new(json, "secrets", is_token ? json_integer(caller->secret_count) : json_null());
    json_object_set_new(json, "expires_at", json_time_or_null(caller->expires_unix_ms));
    json_object_set_new(json, "last_used_at", json_time_or_null(caller->used_unix_ms));
    return json;
}

json_t *json_identity(const struct msg_identity *identity)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_text(identity->actor));
    json_object_set_new(json, "via", json_string(actor_via_text(identity->via)));
    json_object_set_new(json, "scopes", json_words(identity->scopes));
    json_object_set_new(json, "expires_at", json_time_or_null(identity->expires_unix_ms));
    return json;
}

json_t *json_job_waiting(const struct msg_job *job)
{
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES];
    json_t *json = json_object();
    json_object_set_new(json, "id", json_string(job_id_text(&job->job_id, id)));
    json_object_set_new(json, "url", json_string(job_url(&job->job_id, url)));
    json_object_set_new(json, "command", json_text(job->command));
    json_object_set_new(json, "actor", json_actor(job));
    json_object_set_new(json, "created_at", json_time_or_null(job->created_unix_ms));
    json_object_set_new(json, "priority", json_integer(job->priority));
    json_object_set_new(json, "position", json_count_or_null(job->position));
    json_object_set_new(json, "reason", json_string(job_wait_text(job->wait)));
    json_object_set_new(json, "queued_reason", json_text_or_null(job->queued_reason));
    return json;
}

json_t *json_pause(const struct pause_state *pause)
{
    if (!pause->is_paused)
        return json_null();
    json_t *json = json_object();
    json_object_set_new(json, "queue", json_boolean(!pause->refuses));
    json_object_set_new(json, "reason", json_text_or_null(pause->reason));
    json_object_set_new(json, "by", json_text(pause->actor));
    json_object_set_new(json, "since", json_time_or_null(pause->since_unix_ms));
    return json;
}

static json_t *json_errors(struct span errors)
{
    json_t *list = json_array();
    struct reader in = { errors.data, errors.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0) {
        if (entry.kind != ENTRY_ERROR)
            continue;
        json_t *error = json_object();
        json_object_set_new(error, "pointer", json_text_span(entry.name));
        json_object_set_new(error, "code", json_text_span(entry.value));
        json_object_set_new(error, "detail", json_text_span(entry.extra));
        json_array_append_new(list, error);
    }
    return list;
}

/* Texts, each with its NUL. */
static json_t *json_texts(struct span texts)
{
    json_t *list = json_array();
    for (uint32_t at = 0; at < texts.size;) {
        uint32_t size = (uint32_t)strnlen((const char *)texts.data + at, texts.size - at);
        json_array_append_new(list, json_text_span((struct span){ texts.data + at, size }));
        at += size + 1;
    }
    return list;
}

static json_t *json_forecast(const struct msg_verdict *verdict)
{
    bool waits = verdict->wait != JOB_WAIT_NONE;
    json_t *json = json_object();
    json_object_set_new(json, "position", json_count_or_null(verdict->position));
    json_object_set_new(json, "reason", waits ? json_string(job_wait_text(verdict->wait)) : json_null());
    json_object_set_new(json, "queued_reason", json_text_or_null(verdict->queued_reason));
    return json;
}

json_t *json_verdict(const struct msg_verdict *verdict)
{
    bool is_accepted = verdict->code[0] == '\0', is_new = job_id_is_none(&verdict->job_id);
    json_t *json = json_object();
    json_object_set_new(json, "verdict", json_string(is_accepted ? "accepted" : "refused"));
    json_object_set_new(json, "code", json_text_or_null(verdict->code));
    json_object_set_new(json, "detail", json_text_or_null(verdict->detail));
    json_object_set_new(json, "errors", json_errors(verdict->errors));
    json_object_set_new(json, "retry_after",
                        verdict->retry_after_s > 0 ? json_integer(verdict->retry_after_s) : json_null());
    json_object_set_new(json, "job", json_id_or_null(&verdict->job_id));
    json_object_set_new(json, "queue", is_accepted && is_new ? json_forecast(verdict) : json_null());
    if (verdict->has_argv)
        json_object_set_new(json, "argv", json_texts(verdict->argv));
    return json;
}

json_t *json_job_state(const struct msg_job *job, const char *type)
{
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string(type));
    json_object_update_new(json, json_job_minimal(job));
    json_object_set_new(json, "queued_reason", json_text_or_null(job->queued_reason));
    json_object_set_new(json, "position", json_count_or_null(job->position));
    json_object_set_new(json, "started_at", json_time_or_null(job->started_unix_ms));
    json_object_set_new(json, "finished_at", json_time_or_null(job->finished_unix_ms));
    return json;
}

json_t *json_job_end(const struct msg_job *job, const char *type)
{
    json_t *json = json_job_state(job, type);
    json_set_end(json, job);
    json_object_set_new(json, "usage", json_job_usage(job));
    json_object_set_new(json, "output", json_job_output(job));
    return json;
}

/* As much of a job as an end is made of. */
static struct msg_job job_of(const struct msg_change *change)
{
    struct msg_job job = { .job_id = change->job_id,
                           .state = change->state,
                           .reason = change->reason,
                           .version = change->version,
                           .exit_code = change->exit_code,
                           .signal = change->signal,
                           .limits_hit = change->limits_hit };
    text_copy(job.step, sizeof job.step, change->step);
    text_copy(job.message, sizeof job.message, change->message);
    text_copy(job.stopped_by, sizeof job.stopped_by, change->stopped_by);
    return job;
}

json_t *json_job_change(const struct msg_change *change)
{
    struct msg_job job = job_of(change);
    char etag[JOB_ETAG_BYTES];
    json_t *end = job_has_ended(job.state) ? json_object() : json_null();
    if (job_has_ended(job.state))
        json_set_end(end, &job);
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string("job"));
    json_object_update_new(json, json_job_minimal(&job));
    json_object_set_new(json, "command", json_text(change->command));
    json_object_set_new(json, "created_at", json_time_or_null(change->created_unix_ms));
    json_object_set_new(json, "started_at", json_time_or_null(change->started_unix_ms));
    json_object_set_new(json, "finished_at", json_time_or_null(change->finished_unix_ms));
    json_object_set_new(json, "end", end);
    json_object_set_new(json, "etag", json_string(job_etag(&job, etag)));
    return json;
}
