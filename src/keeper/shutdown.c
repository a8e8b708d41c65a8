#include "shutdown.h"

#include <errno.h>

#include "job_life.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "timer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define LAST_WAIT_MS                                                                                                   \
    (GRACE_DEFAULT_MS + 10 * KILL_WAIT_MS) /* for stopped jobs to be gone, when they did not ask for more */

static void on_timer(evutil_socket_t fd, short what, void *arg);

int shutdown_init(struct keeper *keeper, struct error *err)
{
    keeper->shutdown.timer = evtimer_new(keeper->base, on_timer, keeper);
    return keeper->shutdown.timer != NULL ? 0 : fail(err, ENOMEM, "prepare to stop");
}

void shutdown_done(struct keeper *keeper)
{
    if (keeper->shutdown.timer != NULL)
        event_free(keeper->shutdown.timer);
    keeper->shutdown.timer = NULL;
}

void shutdown_begin(struct keeper *keeper, uint32_t grace_ms)
{
    if (keeper->shutdown.is_on)
        return;
    keeper->shutdown.is_on = true;
    log_info("stopping: new jobs are refused, running ones have %u ms, the queue is kept", grace_ms);
    timer_start(keeper->shutdown.timer, grace_ms);
    front_tell_status(keeper);
    turn_schedule(keeper);
}

static void stop_job(struct keeper *keeper, struct job *job)
{
    if (job_is_under_way(job))
        job_stop(keeper, job, JOB_REASON_CANCELLED, "shutdown", false, 0);
}

/* The longest grace of any command that can be among them. */
static uint64_t longest_grace_ms(const struct keeper *keeper)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < keeper->rules.policy->command_count; i++)
        if (keeper->rules.policy->commands[i].grace_ms > longest)
            longest = keeper->rules.policy->commands[i].grace_ms;
    return longest;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    (void)fd;
    (void)what;
    if (keeper->shutdown.has_stopped_jobs) {
        log_error("stopping: %u jobs are still not gone; they will be found as lost", jobs_under_way(keeper));
        keeper_stop(keeper, 0);
        return;
    }
    keeper->shutdown.has_stopped_jobs = true;
    jobs_each(keeper, stop_job);
    timer_start(keeper->shutdown.timer, longest_grace_ms(keeper) + LAST_WAIT_MS);
}

void shutdown_check(struct keeper *keeper)
{
    if (keeper->shutdown.is_on && !keeper->turn.is_scheduled && jobs_under_way(keeper) == 0 &&
        TAILQ_EMPTY(&keeper->turn.changed))
        keeper_stop(keeper, 0);
}
