#include "job_life.h"

#include "keeper.h"
#include "launcher_ask.h"
#include "output.h"
#include "output_files.h"
#include "sequence.h"
#include "stdin_file.h"
#include "stdin_ready.h"
#include "stdin_stream.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

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
    job->due |= DUE_AUDIT_START;
    if (job->record.step_count > 0)
        return; /* no launcher has business with a sequence */
    job->record.incarnation = keeper->incarnation;
    job->due |= DUE_LAUNCH;
}

static void enter_running(struct keeper *keeper, struct job *job)
{
    job->due |= DUE_TELL_START;
    stdin_forget(keeper, job);
    job_forget_secrets(job);
}

static void enter_end(struct keeper *keeper, struct job *job)
{
    queue_remove(keeper, job);
    stdin_forget(keeper, job);
    stdin_stream_free(job);
    job_forget_secrets(job);
    job->due &= ~(unsigned)DUE_LAUNCH;
    job->due |= DUE_AUDIT_END | DUE_FORGET | DUE_CHAIN;
    if (!job->is_end_told)
        job->due |= DUE_TELL_END;
    sequence_child_ended(keeper, job);
    keeper->turn.ends++;
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
    if (job_has_ended(next)) {
        next = job_end_state(job->record.reason, (int)job->record.exit_code);
        if (job->record.finished_unix_ms == 0)
            job->record.finished_unix_ms = clock_unix_ms();
    }
    job->record.state = (uint8_t)next;
    job->record.version++;
    turn_job_changed(keeper, job); /* before the state's own part: queue_add() can end a job at once */
    feed_note(keeper, job);
    if (enter_state[next] != NULL)
        enter_state[next](keeper, job);
    return true;
}

/* What an ended job leaves behind beyond its record, and what it does not. */
static void settle_files(struct keeper *keeper, struct job *job)
{
    struct error err = { 0 };
    if (job->record.has_stdin || job->record.has_files)
        stdin_file_remove(keeper->state_fd, &job->record.id);
    keeper->sweep.is_due = true;
    /* A follower of a job that never ran made empty files. */
    if (job->record.output_fate == OUTPUT_NEVER && output_files_remove(keeper->state_fd, &job->record.id, &err) < 0)
        log_warn("the output of a job of '%s' stays for now: %s", job->record.command, err.text);
}

void job_stored(struct keeper *keeper, struct job *job)
{
    unsigned due = job->due;
    job->due = 0;
    job->is_new = false;
    metrics_note_stored(keeper, job, (due & DUE_FORGET) != 0);
    stdin_stream_stored(keeper, job);
    if ((due & DUE_LAUNCH) != 0 && !ask_launch(keeper, job))
        job_change(keeper, job, JOB_REQUEUE);
    if ((due & DUE_SEEN) != 0)
        ask_exited_seen(keeper, &job->record.id);
    if ((due & DUE_FORGET) == 0)
        return;
    settle_files(keeper, job);
    queue_free_slot(keeper, job);
    job->is_over = true;
    if (!job->has_news)
        job_forget(keeper, job); /* else when all who watch were told */
}
