#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "keeper.h"
#include "output.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

/* --- sentences ---------------------------------------------------------------------------------------------------- */

/* "120 ms", "4.2 s", "42 s", "10 m", "10 m 5 s", "2 h 5 m" */
static void duration_text(uint64_t us, char *to, size_t room)
{
    unsigned long long ms = us / 1000, s = ms / 1000, m = s / 60;
    if (s == 0)
        snprintf(to, room, "%llu ms", ms);
    else if (s < 10)
        snprintf(to, room, "%llu.%llu s", s, ms % 1000 / 100);
    else if (m == 0)
        snprintf(to, room, "%llu s", s);
    else if (m < 60 && s % 60 == 0)
        snprintf(to, room, "%llu m", m);
    else if (m < 60)
        snprintf(to, room, "%llu m %llu s", m, s % 60);
    else
        snprintf(to, room, "%llu h %llu m", m / 60, m % 60);
}

static const char *signal_text(uint32_t number, char *to, size_t room)
{
    const char *name = sigabbrev_np((int)number);
    if (name != NULL)
        snprintf(to, room, "signal %u (%s)", number, name);
    else
        snprintf(to, room, "signal %u", number);
    return to;
}

static void cancelled_text(const struct job_record *record, const char *after, char *to, size_t room)
{
    bool is_shutdown = strcmp(record->stopped_by, "shutdown") == 0;
    const char *by = record->stopped_by[0] != '\0' ? record->stopped_by : "the service";
    if (record->started_unix_ms == 0)
        snprintf(to, room, "cancelled by %s before it started", by);
    else if (is_shutdown)
        snprintf(to, room, "stopped after %s: the service was shut down", after);
    else
        snprintf(to, room, "cancelled by %s after %s", by, after);
}

void report_sentence(const struct job_record *record, char *to, size_t room)
{
    char after[64], signal[32];
    duration_text(record->wall_us, after, sizeof after);
    switch ((enum job_reason)record->reason) {
    case JOB_REASON_EXITED:
        snprintf(to, room, "exit %u after %s", record->exit_code, after);
        break;
    case JOB_REASON_SIGNALLED:
        snprintf(to, room, "ended by %s after %s", signal_text(record->signal, signal, sizeof signal), after);
        break;
    case JOB_REASON_TIMED_OUT:
        snprintf(to, room, "stopped after %s (timeout)", after);
        break;
    case JOB_REASON_CPU_LIMIT:
        snprintf(to, room, "stopped after %s: it used all of its processor time", after);
        break;
    case JOB_REASON_OOM:
        snprintf(to, room, "killed after %s: it needed more memory than its limit", after);
        break;
    case JOB_REASON_OUTPUT_LIMIT:
        snprintf(to, room, "stopped after %s: it wrote more than its output limit", after);
        break;
    case JOB_REASON_POLICY_VIOLATION:
        snprintf(to, room, "killed after %s: it made a system call that its sandbox forbids", after);
        break;
    case JOB_REASON_CANCELLED:
        cancelled_text(record, after, to, room);
        break;
    case JOB_REASON_LAUNCH_FAILED:
        snprintf(to, room, "its sandbox could not be built");
        break;
    case JOB_REASON_LOST:
        snprintf(to, room, "lost: what became of it is not known");
        break;
    default:
        snprintf(to, room, "it was not started");
        break;
    }
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

#define COPY_TEXT(to, from) text_copy((to), sizeof(to), (from))

static void copy_texts(const struct job_record *record, struct msg_job *report)
{
    COPY_TEXT(report->command, record->command);
    COPY_TEXT(report->actor, record->actor);
    COPY_TEXT(report->address, record->address);
    COPY_TEXT(report->why, record->why);
    COPY_TEXT(report->step, record->step);
    COPY_TEXT(report->message, record->message);
    COPY_TEXT(report->stopped_by, record->stopped_by);
}

static void copy_live(const struct keeper *keeper, const struct job *job, struct msg_job *report)
{
    report->position = queue_position(job);
    COPY_TEXT(report->queued_reason, queue_reason(keeper, job));
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
