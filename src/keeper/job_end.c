/* How jobs end: by evidence of the launcher, or because we say so. */
#include <stdlib.h>
#include <string.h>

#include "artifacts.h"
#include "job_life.h"
#include "keeper.h"
#include "launcher_ask.h"
#include "output.h"
#include "sentence.h"
#include "sequence.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

static const struct {
    enum job_reason reason;
    const char *stopped_by;
} own_stops[] = {
    { JOB_REASON_TIMED_OUT, "timeout" },
    { JOB_REASON_CPU_LIMIT, "cpu_limit" },
    { JOB_REASON_OUTPUT_LIMIT, "output_limit" },
};

/* Who stopped it follows from the reason; only a cancel has a name of its own. */
static void settle_stopped_by(struct job_record *record)
{
    for (size_t i = 0; i < sizeof own_stops / sizeof own_stops[0]; i++)
        if (own_stops[i].reason == record->reason) {
            text_copy(record->stopped_by, sizeof record->stopped_by, own_stops[i].stopped_by);
            return;
        }
    if (record->reason != JOB_REASON_CANCELLED)
        record->stopped_by[0] = '\0';
}

static void take_evidence(struct job_record *record, const struct msg_exited *exited)
{
    record->reason = exited->reason;
    record->exit_code = exited->exit_code;
    record->signal = exited->signal;
    record->limits_hit = exited->limits_hit;
    record->degraded = exited->degraded;
    record->finished_unix_ms = exited->finished_unix_ms;
    record->wall_us = exited->wall_us;
    record->user_us = exited->user_us;
    record->system_us = exited->system_us;
    record->memory_peak_bytes = exited->memory_peak_bytes;
    text_copy(record->step, sizeof record->step, exited->step);
    text_copy(record->message, sizeof record->message, exited->message);
    if (record->reason == JOB_REASON_LAUNCH_FAILED)
        record->started_unix_ms = 0; /* its pipes may have come early, but no program ran */
    settle_stopped_by(record);
}

/* It wrote while another keeper was there: the log is on disk, and its length and hash belong to the record. */
static void measure_output(struct keeper *keeper, struct job *job)
{
    struct error err = { 0 };
    if (output_open(keeper, job, &job->output, &err) == 0)
        return;
    job->has_lost_output = true;
    log_error(
        "the output of a job of '%s' cannot be measured: %s; its record will not say how long it is, and the files "
        "stay as they are",
        job->record.command, err.text);
}

void job_end(struct keeper *keeper, struct job *job, const struct msg_exited *exited)
{
    if (job->exited != NULL)
        return;
    job->exited = malloc(sizeof *job->exited);
    if (job->exited == NULL) {
        log_error("job %s has ended, but there is no memory to record it; ending, to be started anew",
                  job->record.command);
        keeper_stop(keeper, 1);
        return;
    }
    *job->exited = *exited;
    if (job->output == NULL && job->record.incarnation != 0)
        measure_output(keeper, job);
    if (job->output != NULL)
        output_end(job->output);
    else
        job_output_done(keeper, job);
}

void job_end_by_keeper(struct keeper *keeper, struct job *job, enum job_reason reason, const char *message)
{
    struct msg_exited exited = { .job_id = job->record.id,
                                 .reason = (uint8_t)reason,
                                 .finished_unix_ms = clock_unix_ms() };
    text_copy(exited.message, sizeof exited.message, message);
    if (job->record.started_unix_ms != 0 && exited.finished_unix_ms > job->record.started_unix_ms)
        exited.wall_us = (exited.finished_unix_ms - job->record.started_unix_ms) * 1000;
    job_end(keeper, job, &exited);
}

void job_output_done(struct keeper *keeper, struct job *job)
{
    struct job_record *record = &job->record;
    take_evidence(record, job->exited);
    if (job->output != NULL) {
        record->output_bytes = job->output->bytes;
        record->output_truncated = job->output->is_truncated;
        record->output_fate = OUTPUT_KEPT;
        record->artifacts_stored_bytes = artifacts_stored_bytes(job->output->artifacts);
        record->output_stored_bytes = output_stored_bytes(job->output) + record->artifacts_stored_bytes;
        output_sha256(job->output, record->output_sha256);
    } else if (job->has_lost_output) {
        record->output_fate = OUTPUT_KEPT; /* damaged, and still somebody's; retention removes it in its time */
    }
    if (record->message[0] == '\0')
        sentence_of_end(record, record->message, sizeof record->message);
    if (!job_change(keeper, job, JOB_EXIT))
        log_error("job %s ended in state %s, which cannot be; its record stays", record->command,
                  job_state_text(record->state));
}

void job_stop(struct keeper *keeper, struct job *job, enum job_reason reason, const char *stopped_by, bool has_grace,
              uint32_t grace_ms)
{
    if (job->exited != NULL || job_has_ended(job->record.state))
        return;
    if (job->record.stopped_by[0] == '\0')
        text_copy(job->record.stopped_by, sizeof job->record.stopped_by, stopped_by);
    if (job->record.step_count > 0 && job->record.state != JOB_QUEUED) {
        sequence_stop(keeper, job, stopped_by);
        return;
    }
    if (!job->was_ordered && !job->has_slot) {
        job_end_by_keeper(keeper, job, reason, "");
        return;
    }
    /* An order that waits for its commit is never sent then: the program does not start to be killed. */
    if ((job->due & DUE_LAUNCH) != 0) {
        job_end_by_keeper(keeper, job, reason, "");
        return;
    }
    job->has_stop_grace = has_grace;
    job->stop_grace_ms = grace_ms;
    job_change(keeper, job, JOB_CANCEL);
    ask_stop(keeper, job, reason);
}
