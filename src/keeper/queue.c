#include "queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job_life.h"
#include "keeper.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    (void)fd;
    (void)what;
    keeper->queue.not_before_ms = 0; /* the loop's clock may be behind ours, and nobody would come again */
    turn_schedule(keeper);
}

int queue_init(struct keeper *keeper, struct error *err)
{
    keeper->queue.again = evtimer_new(keeper->base, on_again, keeper);
    return keeper->queue.again != NULL ? overdue_init(keeper, err) : fail(err, ENOMEM, "prepare the queue");
}

static void kinds_free(struct slot_kind *kind)
{
    while (kind != NULL) {
        struct slot_kind *next = kind->next;
        free(kind);
        kind = next;
    }
}

void queue_done(struct keeper *keeper)
{
    if (keeper->queue.again != NULL)
        event_free(keeper->queue.again);
    keeper->queue.again = NULL;
    overdue_done(keeper);
    kinds_free(keeper->queue.kinds);
    keeper->queue.kinds = NULL;
}

void queue_pause(struct keeper *keeper, unsigned ms)
{
    keeper->queue.not_before_ms = clock_monotonic_ms() + ms;
    timer_start(keeper->queue.again, ms);
}

void *queue_room(size_t size)
{
    void *room = calloc(1, size);
    if (room == NULL) {
        log_error("there is no memory for a queue; ending, to be started anew");
        abort();
    }
    return room;
}

/* The kind of this account; made without slots when the rules do not know it any more, for those that still run. */
static struct slot_kind *kind_of(struct keeper *keeper, const char *account)
{
    struct slot_kind **at = &keeper->queue.kinds;
    for (; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->account, account) == 0)
            return *at;
    struct slot_kind *kind = queue_room(sizeof *kind);
    text_copy(kind->account, sizeof kind->account, account);
    *at = kind;
    return kind;
}

/* The kind of sequences: they need no slot. No account has such a name. */
#define SEQUENCES "/sequences"

struct slot_kind *queue_kind(struct keeper *keeper, const struct command *command)
{
    if (command != NULL && command_is_sequence(command))
        return kind_of(keeper, SEQUENCES);
    bool is_own = command == NULL || command->account == ACCOUNT_NONE;
    return kind_of(keeper, is_own ? "" : keeper->rules.policy->accounts[command->account].name);
}

static const struct command *command_of(const struct keeper *keeper, const struct job *job)
{
    return rules_find_command(&keeper->rules, job->record.command);
}

struct order queue_order(const struct job *job)
{
    return (struct order){ PRIORITY_MAX - job->record.priority, job->record.sequence };
}

static void attach(struct keeper *keeper, struct job *job)
{
    job->share = share_take(keeper, job->record.actor, job->record.via);
    job->lane = lane_take(keeper, job, command_of(keeper, job));
}

static void detach(struct job *job)
{
    lane_drop(job->lane); /* first: it may be one of this share alone */
    share_drop(job->share);
    job->lane = NULL;
    job->share = NULL;
}

static void begin_waiting(struct keeper *keeper, struct job *job)
{
    ranking_add(&keeper->queue.order, &job->in_queue, queue_order(job), job);
    ranking_add(&job->lane->waiting, &job->in_lane, queue_order(job), job);
    job->is_queued = true;
    job->share->waiting++;
    keeper->queue.waiting++;
}

static void stop_waiting(struct keeper *keeper, struct job *job)
{
    ranking_remove(&keeper->queue.order, &job->in_queue);
    ranking_remove(&job->lane->waiting, &job->in_lane);
    overdue_forget(keeper, job);
    job->is_queued = false;
    job->share->waiting--;
    keeper->queue.waiting--;
}

/* What a sequence runs are its steps. It counts for the limit of its command alone: else it would keep its own steps out. */
static unsigned jobs_run_by(const struct job *job)
{
    return job->record.step_count > 0 ? 0 : 1;
}

static void begin_running(struct keeper *keeper, struct job *job)
{
    LIST_INSERT_HEAD(&job->lane->started, job, in_started);
    job->lane->running++;
    job->share->running += jobs_run_by(job);
    keeper->queue.running += jobs_run_by(job);
}

static void stop_running(struct keeper *keeper, struct job *job)
{
    LIST_REMOVE(job, in_started);
    job->lane->running--;
    job->share->running -= jobs_run_by(job);
    keeper->queue.running -= jobs_run_by(job);
}

/* Whoever stood behind the job may be able to go on. */
static void settle(struct keeper *keeper, struct job *job)
{
    lane_settle(keeper, job->lane);
    share_wake(keeper, job->share);
}

void queue_add(struct keeper *keeper, struct job *job)
{
    const struct command *command = command_of(keeper, job);
    if (command == NULL) {
        job_end_by_keeper(keeper, job, JOB_REASON_REJECTED,
                          "rejected: the configuration does not list its command any more");
        return;
    }
    attach(keeper, job);
    begin_waiting(keeper, job);
    overdue_set(keeper, job, command->queue.max_wait_ms);
    lane_settle(keeper, job->lane);
    turn_schedule(keeper);
}

void queue_remove(struct keeper *keeper, struct job *job)
{
    if (!job->is_queued)
        return;
    stop_waiting(keeper, job);
    settle(keeper, job);
    detach(job);
}

static void take_slot(struct keeper *keeper, struct job *job)
{
    job->kind = job->record.step_count > 0 ? kind_of(keeper, SEQUENCES) : job->lane->kind;
    job->kind->used++;
    job->has_slot = true;
    begin_running(keeper, job);
    settle(keeper, job);
}

void queue_start(struct keeper *keeper, struct job *job)
{
    stop_waiting(keeper, job);
    take_slot(keeper, job);
}

void queue_take_slot(struct keeper *keeper, struct job *job)
{
    attach(keeper, job);
    take_slot(keeper, job);
}

void queue_free_slot(struct keeper *keeper, struct job *job)
{
    if (!job->has_slot)
        return;
    job->has_slot = false;
    job->kind->used--;
    stop_running(keeper, job);
    settle(keeper, job);
    detach(job);
    turn_schedule(keeper);
}

/* Slots of a kind that is gone are 0; the kind itself stays while anybody points to it, which is as long as we live. */
static void count_slots(struct keeper *keeper)
{
    const struct rules *rules = &keeper->rules;
    for (struct slot_kind *kind = keeper->queue.kinds; kind != NULL; kind = kind->next)
        kind->slots = 0;
    kind_of(keeper, "")->slots = rules->settings.slot_count;
    kind_of(keeper, SEQUENCES)->slots = UINT32_MAX;
    for (uint32_t i = 0; i < rules->policy->account_count; i++)
        kind_of(keeper, rules->policy->accounts[i].name)->slots = rules->settings.slots_per_account;
}

/* All leave their lanes and shares, which vanish with the last, and with them what they knew of the old rules. */
static void leave_lane(struct keeper *keeper, struct job *job)
{
    if (job->lane == NULL)
        return;
    job->is_between = job->is_queued;
    if (job->is_queued)
        stop_waiting(keeper, job);
    else
        stop_running(keeper, job);
    lane_settle(keeper, job->lane);
    detach(job);
}

static void find_lane(struct keeper *keeper, struct job *job)
{
    if (job->is_between) {
        job->is_between = false;
        queue_add(keeper, job);
    } else if (job->has_slot) { /* which is of the kind that it was */
        attach(keeper, job);
        begin_running(keeper, job);
        settle(keeper, job);
    }
}

void queue_renew(struct keeper *keeper)
{
    jobs_each(keeper, leave_lane);
    assert(keeper->queue.waiting == 0 && keeper->queue.running == 0);
    count_slots(keeper);
    jobs_each(keeper, find_lane);
    keeper->queue.not_before_ms = 0;
    turn_schedule(keeper);
}
