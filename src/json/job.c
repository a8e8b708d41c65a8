#include "sallyport/json/job.h"

#include <inttypes.h>
#include <stdio.h>

#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/json/signals.h"
#include "sallyport/json/values.h"
#include "sallyport/proto/messages.h"

const char *actor_via_text(uint8_t via)
{
    static const char *const texts[EVIDENCE_COUNT] = {
        [EVIDENCE_PEER] = "peer",       [EVIDENCE_SERVICE] = "service",   [EVIDENCE_CERTIFICATE] = "certificate",
        [EVIDENCE_SESSION] = "session", [EVIDENCE_LISTENER] = "listener", [EVIDENCE_HOOK] = "hook",
    };
    return via < EVIDENCE_COUNT && texts[via] != NULL ? texts[via] : "token";
}

static json_t *json_bits(uint32_t bits, unsigned count, const char *(*text)(unsigned))
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        if ((bits & 1u << i) != 0)
            json_array_append_new(list, json_string(text(i)));
    return list;
}

static const char *limit_text(unsigned bit_index)
{
    static const char *const texts[JOB_LIMIT_COUNT] = { "pids", "disk", "cpu" };
    return texts[bit_index];
}

void json_set_end(json_t *end, const struct msg_job *job)
{
    bool was_signalled = job->signal != 0;
    bool has_code = !was_signalled && (job->reason == JOB_REASON_EXITED || job->exit_code != 0);
    json_object_set_new(end, "reason", json_string(job_reason_text(job->reason)));
    json_object_set_new(end, "exit_code", has_code ? json_integer(job->exit_code) : json_null());
    json_object_set_new(end, "signal", was_signalled ? json_integer(job->signal) : json_null());
    const char *name = signal_name((int)job->signal);
    json_object_set_new(end, "signal_name", was_signalled && name != NULL ? json_string(name) : json_null());
    json_object_set_new(end, "limits_hit", json_bits(job->limits_hit, JOB_LIMIT_COUNT, limit_text));
    json_object_set_new(end, "step", json_text_or_null(job->step));
    json_object_set_new(end, "message", json_text_or_null(job->message));
    json_object_set_new(end, "stopped_by", json_text_or_null(job->stopped_by));
}

json_t *json_job_usage(const struct msg_job *job)
{
    if (job->started_unix_ms == 0)
        return json_null();
    json_t *usage = json_object();
    json_object_set_new(usage, "wall", json_seconds(job->wall_us));
    json_object_set_new(usage, "cpu_user", json_seconds(job->user_us));
    json_object_set_new(usage, "cpu_sys", json_seconds(job->system_us));
    json_object_set_new(usage, "memory_peak", json_integer((json_int_t)job->memory_peak_bytes));
    return usage;
}

json_t *json_job_output(const struct msg_job *job)
{
    char url[JOB_URL_BYTES], output_url[JOB_URL_BYTES + 8], sha256[65];
    snprintf(output_url, sizeof output_url, "%s/output", job_url(&job->job_id, url));
    json_t *output = json_object();
    json_object_set_new(output, "bytes", json_integer((json_int_t)job->output_bytes));
    json_object_set_new(output, "truncated", json_boolean(job->output_truncated));
    if (job->output_sha256.size == 32)
        text_hex(job->output_sha256.data, 32, sha256);
    json_object_set_new(output, "sha256", job->output_sha256.size == 32 ? json_string(sha256) : json_null());
    json_object_set_new(output, "url", json_string(output_url));
    return output;
}

json_t *json_job_stdin(const struct msg_job *job)
{
    if (!job->is_stdin_stream)
        return json_null();
    char url[JOB_URL_BYTES], stdin_url[JOB_URL_BYTES + 8];
    snprintf(stdin_url, sizeof stdin_url, "%s/stdin", job_url(&job->job_id, url));
    json_t *input = json_object();
    json_object_set_new(input, "bytes", json_integer((json_int_t)job->stdin_bytes));
    json_object_set_new(input, "ended", json_boolean(job->has_stdin_ended));
    json_object_set_new(input, "url", json_string(stdin_url));
    return input;
}

json_t *json_actor(const struct msg_job *job)
{
    json_t *actor = json_object();
    json_object_set_new(actor, "id", json_text(job->actor));
    json_object_set_new(actor, "via", json_string(actor_via_text(job->via)));
    json_object_set_new(actor, "addr", json_text_or_null(job->address));
    return actor;
}

json_t *json_job_minimal(const struct msg_job *job)
{
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES];
    json_t *json = json_object();
    json_object_set_new(json, "id", json_string(job_id_text(&job->job_id, id)));
    json_object_set_new(json, "url", json_string(job_url(&job->job_id, url)));
    json_object_set_new(json, "state", json_string(job_state_text(job->state)));
    return json;
}

json_t *json_job(const struct msg_job *job)
{
    char etag[JOB_ETAG_BYTES];
    bool has_ended = job_has_ended(job->state);
    bool runs = job->started_unix_ms > 0 && !has_ended && job->timeout_ms > 0;
    json_t *end = has_ended ? json_object() : json_null();
    if (has_ended)
        json_set_end(end, job);

    json_t *json = json_job_minimal(job);
    json_object_set_new(json, "command", json_text(job->command));
    json_object_set_new(json, "queued_reason", json_text_or_null(job->queued_reason));
    json_object_set_new(json, "position", json_count_or_null(job->position));
    json_object_set_new(json, "params", json_entries(job->params));
    json_object_set_new(json, "actor", json_actor(job));
    json_object_set_new(json, "source", json_string(job_source_text(job->source)));
    json_object_set_new(json, "origin", json_text_or_null(job->origin));
    json_object_set_new(json, "parent", json_id_or_null(&job->parent));
    json_object_set_new(json, "step_index", job->step_index > 0 ? json_integer(job->step_index) : json_null());
    json_object_set_new(json, "step_count", job->step_count > 0 ? json_integer(job->step_count) : json_null());
    json_object_set_new(json, "priority", json_integer(job->priority));
    json_object_set_new(json, "reason", json_text_or_null(job->why));
    json_object_set_new(json, "labels", json_entries(job->labels));
    json_object_set_new(json, "created_at", json_time_or_null(job->created_unix_ms));
    json_object_set_new(json, "started_at", json_time_or_null(job->started_unix_ms));
    json_object_set_new(json, "finished_at", json_time_or_null(job->finished_unix_ms));
    json_object_set_new(json, "timeout", json_seconds((uint64_t)job->timeout_ms * 1000));
    json_object_set_new(json, "deadline_at", json_time_or_null(runs ? job->started_unix_ms + job->timeout_ms : 0));
    json_object_set_new(json, "degraded", json_bits(job->degraded, DEGRADE_COUNT, job_degrade_text));
    json_object_set_new(json, "end", end);
    json_object_set_new(json, "usage", json_job_usage(job));
    json_object_set_new(json, "stdin", json_job_stdin(job));
    json_object_set_new(json, "output", json_job_output(job));
    json_object_set_new(json, "etag", json_string(job_etag(job, etag)));
    return json;
}

const char *job_url(const struct job_id *job_id, char url[JOB_URL_BYTES])
{
    char id[JOB_ID_TEXT_BYTES];
    snprintf(url, JOB_URL_BYTES, "/v1/jobs/%s", job_id_text(job_id, id));
    return url;
}

const char *job_etag(const struct msg_job *job, char etag[JOB_ETAG_BYTES])
{
    snprintf(etag, JOB_ETAG_BYTES, "W/\"%" PRIu64 "\"", job->version);
    return etag;
}
