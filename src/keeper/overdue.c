#include "overdue.h"

#include <errno.h>
#include <stdio.h>

#include "job_life.h"
#include "keeper.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    overdue_end(arg);
}

int overdue_init(struct keeper *keeper, struct error *err)
{
    keeper->queue.overdue.timer = evtimer_new(keeper->base, on_timer, keeper);
    return keeper->queue.overdue.timer != NULL ? 0 : fail(err, ENOMEM, "prepare the queue");
}

void overdue_done(struct keeper *keeper)
{
    if (keeper->queue.overdue.timer != NULL)
        event_free(keeper->queue.overdue.timer);
    keeper->queue.overdue.timer = NULL;
}

static void wait_for_first(struct keeper *keeper)
{
    const struct job *job = ranking_first(&keeper->queue.overdue.jobs);
    if (job == NULL)
        return;
    uint64_t now_unix_ms = clock_unix_ms(), until_unix_ms = job->in_overdue.order.major;
    timer_start(keeper->queue.overdue.timer, until_unix_ms > now_unix_ms ? until_unix_ms - now_unix_ms : 0);
}

void overdue_set(struct keeper *keeper, struct job *job, uint64_t max_wait_ms)
{
    job->max_wait_ms = max_wait_ms;
    if (max_wait_ms == 0)
        return;
    struct order order = { job->record.created_unix_ms + max_wait_ms, job->record.sequence };
    ranking_add(&keeper->queue.overdue.jobs, &job->in_overdue, order, job);
    if (ranking_first(&keeper->queue.overdue.jobs) == job)
        wait_for_first(keeper);
}

void overdue_forget(struct keeper *keeper, struct job *job)
{
    if (job->max_wait_ms != 0)
        ranking_remove(&keeper->queue.overdue.jobs, &job->in_overdue);
    job->max_wait_ms = 0;
}

static void end_job(struct keeper *keeper, struct job *job)
{
    char message[ERROR_TEXT_MAX_BYTES];
    unsigned long long ms = job->max_wait_ms;
    bool is_whole = ms % 1000 == 0;
    snprintf(message, sizeof message,
             "rejected: it waited longer than the %llu%s that its command's concurrency.max_wait allows",
             is_whole ? ms / 1000 : ms, is_whole ? " s" : " ms");
    overdue_forget(keeper, job);
    job_end_by_keeper(keeper, job, JOB_REASON_REJECTED, message);
}

void overdue_end(struct keeper *keeper)
{
    struct job *job;
    uint64_t now_unix_ms = clock_unix_ms();
    while ((job = ranking_first(&keeper->queue.overdue.jobs)) != NULL && job->in_overdue.order.major <= now_unix_ms)
        end_job(keeper, job);
    wait_for_first(keeper);
}
