#include "recover.h"

#include <errno.h>

#include "job_life.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "launcher_ask.h"
#include "output.h"
#include "sequence.h"
#include "stdin_file.h"
#include "stdin_stream.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

struct found {
    struct keeper *keeper;
    unsigned queued, under_way;
    bool is_short_of_memory;
};

static bool take_record(void *arg, const struct job_record *record)
{
    struct found *found = arg;
    struct job *job = job_remember(found->keeper, record);
    if (job == NULL) {
        found->is_short_of_memory = true;
        return false;
    }
    job->is_start_counted = record->started_unix_ms != 0;
    job->stdin_stored = record->stdin_bytes;
    job->is_stdin_end_stored = record->has_stdin_ended;
    if (record->state != JOB_QUEUED) {
        found->under_way++;
        queue_take_slot(found->keeper, job);
        if (record->step_count > 0)
            sequence_due(found->keeper, job);
        return true;
    }
    found->queued++;
    queue_add(found->keeper, job);
    return true;
}

static bool is_known(void *arg, const struct job_id *id)
{
    return job_find(arg, id) != NULL;
}

/* Of callers and commands that are not listed any more. */
static void forget_old_rates(struct keeper *keeper)
{
    struct error err = { 0 };
    uint64_t now_unix_ms = clock_unix_ms();
    int done = turn_write(keeper, &err);
    if (done == 0 && now_unix_ms > RATE_PERIOD_MAX_MS)
        done = store_rates_expire(keeper->store, now_unix_ms - RATE_PERIOD_MAX_MS, &err);
    if (done < 0)
        log_warn("old marks of rates cannot be removed: %s; they stay until the next start", err.text);
}

int recover_jobs(struct keeper *keeper, struct error *err)
{
    struct found found = { .keeper = keeper };
    forget_old_rates(keeper);
    int done = store_jobs_active(keeper->store, take_record, &found, err);
    if (done < 0)
        return fail_in(err, "read the jobs that have not ended");
    if (found.is_short_of_memory)
        return fail(err, ENOMEM, "read the jobs that have not ended");
    stdin_files_sweep(keeper->state_fd, is_known, keeper);
    if (found.queued + found.under_way > 0)
        log_info("found %u waiting jobs and %u under way; the launcher knows what became of those", found.queued,
                 found.under_way);
    return 0;
}

static bool is_under_way(const struct job *job)
{
    return job->exited == NULL && job->record.step_count == 0 &&
           (job->record.state == JOB_STARTING || job->record.state == JOB_RUNNING || job->record.state == JOB_STOPPING);
}

static void judge_incarnation(struct keeper *keeper, struct job *job)
{
    if (!is_under_way(job) || (job->due & DUE_LAUNCH) != 0)
        return;
    if (job->record.incarnation == keeper->incarnation) {
        job->is_unheard = true;
        return;
    }
    job_end_by_keeper(keeper, job, JOB_REASON_LOST,
                      "lost: the launcher ended while the job was under way; it was not started again");
}

void recover_hello(struct keeper *keeper, uint64_t incarnation)
{
    keeper->incarnation = incarnation;
    jobs_each(keeper, judge_incarnation);
}

/* The launcher lives, and has no slot for it. */
static void judge_unheard(struct keeper *keeper, struct job *job)
{
    if (job->must_stop) {
        job->must_stop = false;
        ask_stop(keeper, job, job->is_over_limit ? JOB_REASON_OUTPUT_LIMIT : JOB_REASON_CANCELLED);
    }
    stdin_stream_tell_again(job);
    if (!job->is_unheard)
        return;
    job->is_unheard = false;
    if (job->record.state == JOB_STARTING)
        job_change(keeper, job, JOB_REQUEUE); /* our order never reached it */
    else if (job->record.state == JOB_STOPPING && job->record.started_unix_ms == 0)
        job_end_by_keeper(keeper, job, JOB_REASON_CANCELLED, "");
    else
        job_end_by_keeper(keeper, job, JOB_REASON_LOST,
                          "lost: the launcher does not know the job any more; it was not started again");
}

void recover_unheard(struct keeper *keeper)
{
    jobs_each(keeper, judge_unheard);
    front_tell_status(keeper);
}
