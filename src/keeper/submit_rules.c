/*
 * The rules of the queue for one more job: may its command run, is it the same as one that is there, is there room for its
 * key, its caller and all. A rule that is the owner's is not got round by anybody, the keeper's own submits included.
 */
#include "authorize.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/store/queue_rules.h"

#define RETRY_AFTER_S       5 /* when nobody can know how long a job takes */
#define PAUSE_RETRY_AFTER_S 60

/* Each of these answers itself, and returns false when the submit ends there. */

static bool check_pause(struct keeper *keeper, struct submit *submit)
{
    const struct paused_command *paused = pause_find(keeper, submit->command->name);
    if (paused == NULL || !paused->refuses)
        return true;
    request_refuse(keeper, submit->request,
                   &(struct refusal){ .status = 409,
                                      .code = "command-paused",
                                      .retry_after_s = PAUSE_RETRY_AFTER_S,
                                      .command = submit->command->name },
                   "the command is paused by %s%s%s", paused->actor, paused->reason[0] != '\0' ? ": " : "",
                   paused->reason);
    return false;
}

/* The keeper itself may know every job; a caller the ones that it may read, and its own. */
static bool may_be_told(const struct submit *submit, const struct job_record *record)
{
    return submit->request->own != NULL || may_know(submit->request->who, record->actor, record->via);
}

/* 1 and the record, 0, or -errno. */
static int find_record(struct keeper *keeper, const struct job_id *id, struct job_record *ret_record, struct error *err)
{
    const struct job *job = job_find(keeper, id);
    if (job == NULL)
        return store_job_read(keeper->store, id, ret_record, err);
    *ret_record = job->record;
    return 1;
}

static bool check_dedupe(struct keeper *keeper, struct submit *submit)
{
    struct error err = { 0 };
    struct job_id id;
    struct job_record record;
    uint64_t unix_ms, now_unix_ms = clock_unix_ms(), window_ms = submit->command->queue.dedupe_ms;
    if (window_ms == 0)
        return true;
    int found = store_dedupe_find(keeper->store, submit->command->name, submit->dedupe_key, &id, &unix_ms, &err);
    if (found > 0 && !clock_is_near(now_unix_ms, unix_ms, window_ms))
        found = 0;
    if (found > 0)
        found = find_record(keeper, &id, &record, &err);
    if (found == 0)
        return true;
    if (found < 0)
        request_fail(keeper, submit->request, &err);
    else if (may_be_told(submit, &record))
        submit_join(keeper, submit, &id, JOINED_DEDUPLICATED);
    else
        request_refuse(keeper, submit->request,
                       &(struct refusal){ .status = 429,
                                          .code = "rate-limited",
                                          .retry_after_s = request_retry_after_s(now_unix_ms, unix_ms + window_ms),
                                          .command = submit->command->name },
                       "the same was asked for by another caller a moment ago, in a job that this one may not read");
    return false;
}

static void refuse_full(struct keeper *keeper, const struct submit *submit, const char *why)
{
    request_refuse(keeper, submit->request,
                   &(struct refusal){ .status = 429,
                                      .code = "concurrency-full",
                                      .retry_after_s = RETRY_AFTER_S,
                                      .command = submit->command->name },
                   "of '%s' %u may run at once%s, and %s", submit->command->name, submit->command->queue.limit,
                   submit->command->queue.key.piece_count > 0 ? " with this key" : "", why);
}

/* The newest of those that wait, for it starts last and so knows most. */
static bool coalesce(struct keeper *keeper, struct submit *submit, const struct lane *lane)
{
    const struct job *job = ranking_last(&lane->waiting);
    if (job == NULL)
        return true;
    if (may_be_told(submit, &job->record))
        submit_join(keeper, submit, &job->record.id, JOINED_COALESCED);
    else
        refuse_full(keeper, submit, "a job that this caller may not read waits already");
    return false;
}

static void refuse_queue_full(struct keeper *keeper, const struct submit *submit, const char *whose, uint32_t most)
{
    request_refuse(
        keeper, submit->request,
        &(struct refusal){
            .status = 503, .code = "queue-full", .retry_after_s = RETRY_AFTER_S, .command = submit->command->name },
        "%u jobs %s wait, and no more may", most, whose);
}

static bool check_lane(struct keeper *keeper, struct submit *submit)
{
    const struct queue_rules *rules = &submit->command->queue;
    const struct lane *lane = rules->limit != 0 ? lane_find(keeper, submit->command->name, submit->queue_key) : NULL;
    if (lane == NULL)
        return true;
    uint32_t waiting = ranking_count(&lane->waiting);
    bool is_full = lane->running + waiting >= rules->limit;
    if (is_full && rules->when_full == FULL_REJECT) {
        refuse_full(keeper, submit, "as many run or are about to");
        return false;
    }
    if (is_full && rules->when_full == FULL_COALESCE && waiting > 0)
        return coalesce(keeper, submit, lane);
    submit->replaces = is_full && rules->when_full == FULL_REPLACE && waiting > 0;
    if (rules->max_queue == 0 || waiting < rules->max_queue || submit->replaces)
        return true;
    refuse_queue_full(keeper, submit, rules->key.piece_count > 0 ? "with this key" : "of this command",
                      rules->max_queue);
    return false;
}

/* How many would make room for it: of all, or of one caller's. */
static uint32_t count_replaced(struct keeper *keeper, const struct submit *submit, const struct share *share)
{
    uint32_t count = 0;
    const struct lane *lane = submit->replaces ? lane_find(keeper, submit->command->name, submit->queue_key) : NULL;
    const struct job *job = lane != NULL ? ranking_first(&lane->waiting) : NULL;
    for (; job != NULL; job = ranking_behind(&lane->waiting, queue_order(job)))
        count += share == NULL || job->share == share;
    return count;
}

static bool would_wait(struct keeper *keeper, const struct submit *submit)
{
    char text[REASON_MAX_BYTES];
    uint32_t position;
    struct job_record record = submit_record(submit);
    return queue_forecast(keeper, &record, &position, text) != JOB_WAIT_NONE;
}

/* Who can start at once is not kept out by those who wait. */
static bool check_waiting(struct keeper *keeper, struct submit *submit)
{
    const struct caller *who = submit->request->who;
    uint32_t most = rules_quota(&keeper->rules, who->name, caller_via(who)).waiting;
    const struct share *share = share_find(keeper, who->name, caller_via(who));
    if (most != 0 && share != NULL && share->waiting - count_replaced(keeper, submit, share) >= most &&
        would_wait(keeper, submit)) {
        refuse_queue_full(keeper, submit, "of this caller", most);
        return false;
    }
    most = keeper->rules.settings.quota.waiting;
    if (most != 0 && keeper->queue.waiting - count_replaced(keeper, submit, NULL) >= most &&
        would_wait(keeper, submit)) {
        refuse_queue_full(keeper, submit, "of all callers together", most);
        return false;
    }
    return true;
}

bool submit_check_rules(struct keeper *keeper, struct submit *submit)
{
    if (!submit_fill_in_keys(keeper, submit) || !check_pause(keeper, submit) || !check_dedupe(keeper, submit))
        return false;
    queue_start_next(keeper); /* what came in this turn and can start does not wait: it only looks so */
    return check_lane(keeper, submit) && check_waiting(keeper, submit) && submit_check_rates(keeper, submit);
}
