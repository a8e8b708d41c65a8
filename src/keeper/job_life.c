#include "job_life.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "keeper.h"
#include "launcher_ask.h"
#include "output.h"
#include "report.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

/* Ids are random in their last bytes. */
static unsigned bucket_of(const struct job_id *id)
{
    return ((unsigned)id->bytes[14] << 8 | id->bytes[15]) % JOB_TABLE_BUCKETS;
}

struct job *job_find(struct keeper *keeper, const struct job_id *id)
{
    struct job *job;
    LIST_FOREACH(job, &keeper->jobs.buckets[bucket_of(id)], in_table)
    if (job_id_equal(&job->record.id, id))
        return job;
    return NULL;
}

struct job *job_remember(struct keeper *keeper, const struct job_record *record)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->record = *record;
    LIST_INIT(&job->watches);
    LIST_INSERT_HEAD(&keeper->jobs.buckets[bucket_of(&record->id)], job, in_table);
    keeper->jobs.count++;
    return job;
}

void job_forget_secrets(struct job *job)
{
    if (job->secret_params != NULL)
        explicit_bzero(job->secret_params, job->secret_params_bytes);
    free(job->secret_params);
    job->secret_params = NULL;
    job->secret_params_bytes = 0;
}

void job_forget(struct keeper *keeper, struct job *job)
{
    watches_forget_job(keeper, job);
    queue_remove(keeper, job);
    queue_free_slot(keeper, job);
    if (job->is_changed)
        TAILQ_REMOVE(&keeper->turn.changed, job, in_changed);
    output_free(job->output);
    job_forget_secrets(job);
    free(job->exited);
    LIST_REMOVE(job, in_table);
    keeper->jobs.count--;
    free(job);
}

void jobs_each(struct keeper *keeper, void (*visit)(struct keeper *keeper, struct job *job))
{
    for (unsigned i = 0; i < JOB_TABLE_BUCKETS; i++) {
        struct job *job = LIST_FIRST(&keeper->jobs.buckets[i]);
        while (job != NULL) {
            struct job *next = LIST_NEXT(job, in_table);
            visit(keeper, job);
            job = next;
        }
    }
}

/* --- what entering a state requires ------------------------------------------------------------------------------- */

static void enter_queued(struct keeper *keeper, struct job *job)
{
    job->due &= ~(unsigned)(DUE_LAUNCH | DUE_AUDIT_START);
    job->was_ordered = false;
    queue_free_slot(keeper, job);
    output_free(job->output);
    job->output = NULL;
    queue_add(keeper, job);
}

static void enter_starting(struct keeper *keeper, struct job *job)
{
    job->record.incarnation = keeper->incarnation;
    job->due |= DUE_LAUNCH | DUE_AUDIT_START;
}

static void enter_running(struct keeper *keeper, struct job *job)
{
    (void)keeper;
    job_forget_secrets(job);
}

static void enter_end(struct keeper *keeper, struct job *job)
{
    queue_remove(keeper, job);
    job_forget_secrets(job);
    if (job->record.finished_unix_ms == 0)
        job->record.finished_unix_ms = clock_unix_ms();
    job->due &= ~(unsigned)DUE_LAUNCH;
    job->due |= DUE_AUDIT_END | DUE_FORGET;
    if (job->is_exit_reported)
        job->due |= DUE_SEEN;
}

static void (*const enter_state[JOB_STATE_COUNT])(struct keeper *keeper, struct job *job) = {
    [JOB_QUEUED] = enter_queued,     [JOB_STARTING] = enter_starting, [JOB_RUNNING] = enter_running,
    [JOB_SUCCEEDED] = enter_end,     [JOB_FAILED] = enter_end,        [JOB_TIMED_OUT] = enter_end,
    [JOB_CANCELLED] = enter_end,     [JOB_REJECTED] = enter_end,      [JOB_LOST] = enter_end,
    [JOB_LAUNCH_FAILED] = enter_end,
};

bool job_change(struct keeper *keeper, struct job *job, enum job_event event)
{
    enum job_state next = job_next(job->record.state, event);
    if (next == JOB_REFUSED)
        return false;
    if (job_has_ended(next))
        next = job_end_state(job->record.reason, (int)job->record.exit_code);
    job->record.state = (uint8_t)next;
    job->record.version++;
    turn_job_changed(keeper, job); /* before the state's own part: queue_add() can end a job at once */
    if (enter_state[next] != NULL)
        enter_state[next](keeper, job);
    return true;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

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
    if (output_open(keeper, job, 0, false, &job->output, &err) < 0)
        log_error("the output of a job of '%s' cannot be measured: %s; its record will not say how long it is",
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
        output_sha256(job->output, record->output_sha256);
    }
    if (record->message[0] == '\0')
        report_sentence(record, record->message, sizeof record->message);
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

/* --- after the commit ------------------------------------------------------------------------------------------- */

void job_stored(struct keeper *keeper, struct job *job)
{
    unsigned due = job->due;
    job->due = 0;
    job->is_new = false;
    if ((due & DUE_LAUNCH) != 0 && !ask_launch(keeper, job))
        job_change(keeper, job, JOB_REQUEUE);
    if ((due & DUE_SEEN) != 0)
        ask_exited_seen(keeper, &job->record.id);
    if ((due & DUE_FORGET) == 0)
        return;
    if (job->record.has_stdin)
        files_remove_stdin(keeper->state_fd, &job->record.id);
    queue_free_slot(keeper, job);
    job->is_over = true;
    if (!job->has_news)
        job_forget(keeper, job); /* else when all who watch were told */
}
