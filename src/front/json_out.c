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

#include "signals.h"

/* The replacement character for each byte that starts no sequence; three times the size is enough. */
static json_t *json_text_mended(struct span text)
{
    static const uint8_t replacement[] = { 0xef, 0xbf, 0xbd };
    char *mended = malloc((size_t)text.size * 3 + 1);
    if (mended == NULL)
        return NULL;
    size_t used = 0;
    for (uint32_t at = 0; at < text.size;) {
        uint32_t length = 1;
        while (length <= 4 && at + length <= text.size && !text_is_utf8(text.data + at, length))
            length++;
        if (length > 4 || at + length > text.size || text.data[at] == '\0') {
            memcpy(mended + used, replacement, sizeof replacement);
            used += sizeof replacement;
            at++;
        } else {
            memcpy(mended + used, text.data + at, length);
            used += length;
            at += length;
        }
    }
    json_t *json = json_stringn(mended, used);
    free(mended);
    return json;
}

json_t *json_text_span(struct span text)
{
    if (text.size == 0)
        return json_string("");
    if (text_is_utf8(text.data, text.size) && memchr(text.data, '\0', text.size) == NULL)
        return json_stringn((const char *)text.data, text.size);
    return json_text_mended(text);
}

json_t *json_text(const char *text)
{
    return json_text_span((struct span){ (const uint8_t *)text, (uint32_t)strlen(text) });
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_text(text) : json_null();
}

static json_t *id_or_null(const struct job_id *id)
{
    char text[JOB_ID_TEXT_BYTES];
    return job_id_is_none(id) ? json_null() : json_string(job_id_text(id, text));
}

static json_t *position_or_null(uint32_t position)
{
    return position > 0 ? json_integer(position) : json_null();
}

static json_t *time_or_null(uint64_t unix_ms)
{
    char text[CLOCK_TEXT_BYTES];
    return unix_ms > 0 ? json_string(clock_text(unix_ms, text)) : json_null();
}

static json_t *seconds(uint64_t us)
{
    return us % 1000000 == 0 ? json_integer((json_int_t)(us / 1000000)) : json_real((double)us / 1e6);
}

static json_t *json_value(uint8_t kind, struct span value)
{
    char text[40];
    switch (kind) {
    case ENTRY_SECRET:
        return json_pack("{s:b}", "secret", 1);
    case ENTRY_BOOL:
        return json_boolean(span_is(value, "true"));
    case ENTRY_INTEGER:
        if (text_copy_bytes(text, sizeof text, value.data, value.size))
            return json_integer(strtoll(text, NULL, 10));
        break;
    case ENTRY_REAL:
        if (text_copy_bytes(text, sizeof text, value.data, value.size))
            return json_real(strtod(text, NULL));
        break;
    default:
        break;
    }
    return json_text_span(value);
}

static void object_set(json_t *object, struct span key, json_t *value)
{
    char *text = strndup((const char *)key.data, key.size);
    if (text != NULL && text_is_utf8(text, strlen(text)))
        json_object_set_new(object, text, value);
    else
        json_decref(value);
    free(text);
}

static json_t *json_entries(struct span entries)
{
    json_t *object = json_object(), *list = NULL;
    struct reader in = { entries.data, entries.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0) {
        if (entry.kind == ENTRY_LIST) {
            list = json_array();
            object_set(object, entry.name, list);
        } else if (entry.kind > ENTRY_ITEM && entry.kind < ENTRY_LABEL && list != NULL) {
            json_array_append_new(list, json_value(entry.kind - ENTRY_ITEM, entry.value));
        } else {
            object_set(object, entry.name, json_value(entry.kind, entry.value));
        }
    }
    return object;
}

static const char *via_text(uint8_t via)
{
    return via == EVIDENCE_PEER ? "peer" : via == EVIDENCE_SERVICE ? "service" : "token";
}

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
    json_object_set_new(json, "job", id_or_null(&step->job_id));
    json_object_set_new(json, "message", text_or_null(step->message));
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
    json_object_set_new(json, "jitter", seconds((uint64_t)schedule->jitter_ms * 1000));
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

json_t *json_identity(const struct msg_identity *identity)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_text(identity->actor));
    json_object_set_new(json, "via", json_string(via_text(identity->via)));
    json_object_set_new(json, "scopes", json_words(identity->scopes));
    json_object_set_new(json, "expires_at", time_or_null(identity->expires_unix_ms));
    return json;
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
    return bit_index == 0 ? "pids" : "disk";
}

/* The members of an end; what does not apply is null. */
static void set_end(json_t *end, const struct msg_job *job)
{
    bool was_signalled = job->signal != 0;
    bool has_code = !was_signalled && (job->reason == JOB_REASON_EXITED || job->exit_code != 0);
    json_object_set_new(end, "reason", json_string(job_reason_text(job->reason)));
    json_object_set_new(end, "exit_code", has_code ? json_integer(job->exit_code) : json_null());
    json_object_set_new(end, "signal", was_signalled ? json_integer(job->signal) : json_null());
    const char *name = signal_name((int)job->signal);
    json_object_set_new(end, "signal_name", was_signalled && name != NULL ? json_string(name) : json_null());
    json_object_set_new(end, "limits_hit", json_bits(job->limits_hit, 2, limit_text));
    json_object_set_new(end, "step", text_or_null(job->step));
    json_object_set_new(end, "message", text_or_null(job->message));
    json_object_set_new(end, "stopped_by", text_or_null(job->stopped_by));
}

static json_t *json_usage(const struct msg_job *job)
{
    if (job->started_unix_ms == 0)
        return json_null();
    json_t *usage = json_object();
    json_object_set_new(usage, "wall", seconds(job->wall_us));
    json_object_set_new(usage, "cpu_user", seconds(job->user_us));
    json_object_set_new(usage, "cpu_sys", seconds(job->system_us));
    json_object_set_new(usage, "memory_peak", json_integer((json_int_t)job->memory_peak_bytes));
    return usage;
}

static json_t *json_output(const struct msg_job *job)
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

static json_t *json_actor(const struct msg_job *job)
{
    json_t *actor = json_object();
    json_object_set_new(actor, "id", json_text(job->actor));
    json_object_set_new(actor, "via", json_string(via_text(job->via)));
    json_object_set_new(actor, "addr", text_or_null(job->address));
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
        set_end(end, job);

    json_t *json = json_job_minimal(job);
    json_object_set_new(json, "command", json_text(job->command));
    json_object_set_new(json, "queued_reason", text_or_null(job->queued_reason));
    json_object_set_new(json, "position", position_or_null(job->position));
    json_object_set_new(json, "params", json_entries(job->params));
    json_object_set_new(json, "actor", json_actor(job));
    json_object_set_new(json, "source", json_string(job_source_text(job->source)));
    json_object_set_new(json, "origin", text_or_null(job->origin));
    json_object_set_new(json, "parent", id_or_null(&job->parent));
    json_object_set_new(json, "step_index", job->step_index > 0 ? json_integer(job->step_index) : json_null());
    json_object_set_new(json, "step_count", job->step_count > 0 ? json_integer(job->step_count) : json_null());
    json_object_set_new(json, "priority", json_integer(job->priority));
    json_object_set_new(json, "reason", text_or_null(job->why));
    json_object_set_new(json, "labels", json_entries(job->labels));
    json_object_set_new(json, "created_at", time_or_null(job->created_unix_ms));
    json_object_set_new(json, "started_at", time_or_null(job->started_unix_ms));
    json_object_set_new(json, "finished_at", time_or_null(job->finished_unix_ms));
    json_object_set_new(json, "timeout", seconds((uint64_t)job->timeout_ms * 1000));
    json_object_set_new(json, "deadline_at", time_or_null(runs ? job->started_unix_ms + job->timeout_ms : 0));
    json_object_set_new(json, "degraded", json_bits(job->degraded, DEGRADE_COUNT, job_degrade_text));
    json_object_set_new(json, "end", end);
    json_object_set_new(json, "usage", json_usage(job));
    json_object_set_new(json, "output", json_output(job));
    json_object_set_new(json, "etag", json_string(job_etag(job, etag)));
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
    json_object_set_new(json, "created_at", time_or_null(job->created_unix_ms));
    json_object_set_new(json, "priority", json_integer(job->priority));
    json_object_set_new(json, "position", position_or_null(job->position));
    json_object_set_new(json, "reason", json_string(job_wait_text(job->wait)));
    json_object_set_new(json, "queued_reason", text_or_null(job->queued_reason));
    return json;
}

json_t *json_pause(const struct pause_state *pause)
{
    if (!pause->is_paused)
        return json_null();
    json_t *json = json_object();
    json_object_set_new(json, "queue", json_boolean(!pause->refuses));
    json_object_set_new(json, "reason", text_or_null(pause->reason));
    json_object_set_new(json, "by", json_text(pause->actor));
    json_object_set_new(json, "since", time_or_null(pause->since_unix_ms));
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
    json_object_set_new(json, "position", position_or_null(verdict->position));
    json_object_set_new(json, "reason", waits ? json_string(job_wait_text(verdict->wait)) : json_null());
    json_object_set_new(json, "queued_reason", text_or_null(verdict->queued_reason));
    return json;
}

json_t *json_verdict(const struct msg_verdict *verdict)
{
    bool is_accepted = verdict->code[0] == '\0', is_new = job_id_is_none(&verdict->job_id);
    json_t *json = json_object();
    json_object_set_new(json, "verdict", json_string(is_accepted ? "accepted" : "refused"));
    json_object_set_new(json, "code", text_or_null(verdict->code));
    json_object_set_new(json, "detail", text_or_null(verdict->detail));
    json_object_set_new(json, "errors", json_errors(verdict->errors));
    json_object_set_new(json, "retry_after",
                        verdict->retry_after_s > 0 ? json_integer(verdict->retry_after_s) : json_null());
    json_object_set_new(json, "job", id_or_null(&verdict->job_id));
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
    json_object_set_new(json, "queued_reason", text_or_null(job->queued_reason));
    json_object_set_new(json, "position", position_or_null(job->position));
    json_object_set_new(json, "started_at", time_or_null(job->started_unix_ms));
    json_object_set_new(json, "finished_at", time_or_null(job->finished_unix_ms));
    return json;
}

json_t *json_job_end(const struct msg_job *job, const char *type)
{
    json_t *json = json_job_state(job, type);
    set_end(json, job);
    json_object_set_new(json, "usage", json_usage(job));
    json_object_set_new(json, "output", json_output(job));
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
        set_end(end, &job);
    json_t *json = json_object();
    json_object_set_new(json, "type", json_string("job"));
    json_object_update_new(json, json_job_minimal(&job));
    json_object_set_new(json, "command", json_text(change->command));
    json_object_set_new(json, "created_at", time_or_null(change->created_unix_ms));
    json_object_set_new(json, "started_at", time_or_null(change->started_unix_ms));
    json_object_set_new(json, "finished_at", time_or_null(change->finished_unix_ms));
    json_object_set_new(json, "end", end);
    json_object_set_new(json, "etag", json_string(job_etag(&job, etag)));
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
