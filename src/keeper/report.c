#include "report.h"

#include "keeper.h"
#include "output.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define COPY_TEXT(to, from) text_copy((to), sizeof(to), (from))

static void copy_texts(const struct job_record *record, struct msg_job *report)
{
    COPY_TEXT(report->command, record->command);
    COPY_TEXT(report->actor, record->actor);
    COPY_TEXT(report->address, record->address);
    COPY_TEXT(report->origin, record->origin);
    COPY_TEXT(report->why, record->why);
    COPY_TEXT(report->step, record->step);
    COPY_TEXT(report->message, record->message);
    COPY_TEXT(report->stopped_by, record->stopped_by);
}

static void copy_live(const struct keeper *keeper, const struct job *job, struct msg_job *report)
{
    report->position = queue_position(keeper, job);
    report->wait = (uint8_t)queue_reason(keeper, job, report->queued_reason);
    if (job->output != NULL) {
        report->output_bytes = job->output->bytes;
        report->output_truncated = job->output->is_truncated;
    }
}

static void copy_numbers(const struct job_record *record, struct msg_job *report)
{
    report->job_id = record->id;
    report->state = record->state;
    report->reason = record->reason;
    report->via = record->via;
    report->source = record->source;
    report->parent = record->parent;
    report->step_index = record->step_index;
    report->step_count = record->step_count;
    report->priority = record->priority;
    report->created_unix_ms = record->created_unix_ms;
    report->started_unix_ms = record->started_unix_ms;
    report->finished_unix_ms = record->finished_unix_ms;
    report->timeout_ms = record->timeout_ms;
    report->exit_code = record->exit_code;
    report->signal = record->signal;
    report->limits_hit = record->limits_hit;
    report->degraded = record->degraded;
    report->wall_us = record->wall_us;
    report->user_us = record->user_us;
    report->system_us = record->system_us;
    report->memory_peak_bytes = record->memory_peak_bytes;
    report->is_stdin_stream = record->is_stdin_stream;
    report->has_stdin_ended = record->has_stdin_ended;
    report->stdin_bytes = record->stdin_bytes;
    report->output_bytes = record->output_bytes;
    report->output_truncated = record->output_truncated;
    report->version = record->version;
}

int report_job(struct keeper *keeper, const struct job_record *record, struct msg_job *ret_report, struct error *err)
{
    static uint8_t sha256[HASH_BYTES]; /* the report's span needs a place that outlives us */
    struct msg_job report = { 0 };
    int found = store_job_input(keeper->store, &record->id, &report.params, &report.labels, err);
    if (found < 0) {
        log_error("a job's parameters cannot be read: %s", err->text);
        return found;
    }
    if (found > 0)
        report.callback = store_job_input_callback(keeper->store);
    copy_numbers(record, &report);
    copy_texts(record, &report);
    if (text_unhex(record->output_sha256, HASH_BYTES, sha256))
        report.output_sha256 = (struct span){ sha256, HASH_BYTES };
    const struct job *job = job_find(keeper, &record->id);
    if (job != NULL)
        copy_live(keeper, job, &report);
    *ret_report = report;
    return 0;
}

void report_grown(const struct job *job, struct msg_grown *ret_grown)
{
    *ret_grown = (struct msg_grown){ .is_complete = job->is_over };
    if (job->output != NULL) {
        ret_grown->bytes = job->output->bytes;
        ret_grown->records = job->output->records;
    }
}
