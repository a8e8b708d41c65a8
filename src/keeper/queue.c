#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job_life.h"
#include "keeper.h"
#include "launcher_answer.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    turn_schedule(arg);
}

int queue_init(struct keeper *keeper, struct error *err)
{
    keeper->queue.again = evtimer_new(keeper->base, on_again, keeper);
    return keeper->queue.again != NULL ? 0 : fail(err, ENOMEM, "prepare the queue");
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
    kinds_free(keeper->queue.kinds);
    keeper->queue.kinds = NULL;
}

void queue_pause(struct keeper *keeper, unsigned ms)
{
    keeper->queue.not_before_ms = clock_monotonic_ms() + ms;
    timer_start(keeper->queue.again, ms);
}

/* The kind of this account; made without slots when the rules do not know it any more, for those that still run. */
static struct slot_kind *kind_of(struct keeper *keeper, const char *account)
{
    struct slot_kind **at = &keeper->queue.kinds;
    for (; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->account, account) == 0)
            return *at;
    struct slot_kind *kind = calloc(1, sizeof *kind);
    if (kind == NULL) {
        log_error("there is no memory for a queue; ending, to be started anew");
        abort();
    }
    text_copy(kind->account, sizeof kind->account, account);
    TAILQ_INIT(&kind->waiting);
    *at = kind;
    return kind;
}

/* Where sequences wait: they need no slot. No account has such a name. */
#define SEQUENCES "/sequences"

static const struct command *command_of(const struct keeper *keeper, const struct job *job)
{
    return rules_find_command(&keeper->rules, job->record.command);
}

static const char *account_name(const struct keeper *keeper, const struct command *command)
{
    if (command_is_sequence(command))
        return SEQUENCES;
    return command->account == ACCOUNT_NONE ? "" : keeper->rules.policy->accounts[command->account].name;
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

/* In the order of each list, so that adding finds its place at the end. */
static void renew_waiting(struct keeper *keeper, struct slot_kind *kind)
{
    TAILQ_HEAD(, job) waiting = TAILQ_HEAD_INITIALIZER(waiting);
    struct job *job;
    TAILQ_CONCAT(&waiting, &kind->waiting, in_queue);
    while ((job = TAILQ_FIRST(&waiting)) != NULL) {
        TAILQ_REMOVE(&waiting, job, in_queue);
        job->is_queued = false;
        keeper->queue.waiting--;
        queue_add(keeper, job);
    }
}

void queue_renew(struct keeper *keeper)
{
    count_slots(keeper);
    for (struct slot_kind *kind = keeper->queue.kinds; kind != NULL; kind = kind->next)
        renew_waiting(keeper, kind);
    keeper->queue.not_before_ms = 0;
    turn_schedule(keeper);
}

/*
 * Positions without counting: a job that comes last gets the next number, and one that leaves from the head moves the
 * others by one. Only what happens in the middle (a cancel, a job that comes back) makes the next question count anew.
 */
static void number_last(struct slot_kind *kind, struct job *job)
{
    const struct job *before = TAILQ_PREV(job, slot_kind_jobs, in_queue);
    job->queue_number = (before != NULL ? before->queue_number : kind->gone) + 1;
}

static void number_all(struct slot_kind *kind)
{
    struct job *job;
    kind->gone = 0;
    TAILQ_FOREACH(job, &kind->waiting, in_queue)
    number_last(kind, job);
    kind->is_disordered = false;
}

static void number_leaves(struct slot_kind *kind, const struct job *job)
{
    if (TAILQ_FIRST(&kind->waiting) == job)
        kind->gone = job->queue_number;
    else if (TAILQ_NEXT(job, in_queue) != NULL)
        kind->is_disordered = true;
}

void queue_add(struct keeper *keeper, struct job *job)
{
    const struct command *command = command_of(keeper, job);
    if (command == NULL) {
        job_end_by_keeper(keeper, job, JOB_REASON_REJECTED,
                          "rejected: the configuration does not list its command any more");
        return;
    }
    job->kind = kind_of(keeper, account_name(keeper, command));
    struct job *after = TAILQ_LAST(&job->kind->waiting, slot_kind_jobs);
    while (after != NULL && after->record.sequence > job->record.sequence)
        after = TAILQ_PREV(after, slot_kind_jobs, in_queue);
    if (after != NULL)
        TAILQ_INSERT_AFTER(&job->kind->waiting, after, job, in_queue);
    else
        TAILQ_INSERT_HEAD(&job->kind->waiting, job, in_queue);
    if (TAILQ_NEXT(job, in_queue) == NULL)
        number_last(job->kind, job);
    else
        job->kind->is_disordered = true;
    job->is_queued = true;
    keeper->queue.waiting++;
    turn_schedule(keeper);
}

void queue_remove(struct keeper *keeper, struct job *job)
{
    if (!job->is_queued)
        return;
    number_leaves(job->kind, job);
    TAILQ_REMOVE(&job->kind->waiting, job, in_queue);
    job->is_queued = false;
    keeper->queue.waiting--;
}

void queue_free_slot(struct keeper *keeper, struct job *job)
{
    if (!job->has_slot)
        return;
    job->has_slot = false;
    job->kind->used--;
    turn_schedule(keeper);
}

void queue_take_slot(struct keeper *keeper, struct job *job)
{
    const struct command *command = command_of(keeper, job);
    job->kind = kind_of(keeper, command != NULL ? account_name(keeper, command) : "");
    job->kind->used++;
    job->has_slot = true;
}

uint32_t queue_position(const struct job *job)
{
    if (!job->is_queued)
        return 0;
    if (job->kind->is_disordered)
        number_all(job->kind);
    uint64_t position = job->queue_number - job->kind->gone;
    return position < QUEUE_MAX ? (uint32_t)position : QUEUE_MAX;
}

unsigned queue_slots_used(const struct keeper *keeper)
{
    unsigned used = 0;
    for (const struct slot_kind *kind = keeper->queue.kinds; kind != NULL; kind = kind->next)
        used += kind->used;
    return used;
}

/* Each kind's list is in the order of acceptance. */
uint64_t queue_oldest_unix_ms(const struct keeper *keeper)
{
    uint64_t oldest = 0;
    for (const struct slot_kind *kind = keeper->queue.kinds; kind != NULL; kind = kind->next) {
        const struct job *first = TAILQ_FIRST(&kind->waiting);
        if (first != NULL && (oldest == 0 || first->record.created_unix_ms < oldest))
            oldest = first->record.created_unix_ms;
    }
    return oldest;
}

const char *queue_reason(const struct keeper *keeper, const struct job *job)
{
    if (!job->is_queued)
        return "";
    if (keeper->shutdown.is_on)
        return "the service is stopping; the job starts when it is back";
    if (keeper->drain.is_on)
        return "the service is drained; the job starts when that is taken back";
    if (!launcher_is_up(keeper))
        return "waiting for the launcher";
    if (job->kind->used >= job->kind->slots)
        return job->kind->account[0] == '\0' ? "waiting for a free slot" : "waiting for a free slot of its user";
    return "starting soon";
}
