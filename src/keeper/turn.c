#include "turn.h"

#include <errno.h>
#include <stdlib.h>

#include "call.h"
#include "callback_events.h"
#include "chain.h"
#include "job_life.h"
#include "keeper.h"
#include "launcher_answer.h"
#include "records.h"
#include "request.h"
#include "request_callback.h"
#include "sequence.h"
#include "timer.h"
#include "turn_item.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/store/store.h"

#define COMMIT_SLOW_MS 1000
#define RETRY_MS       1000

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    turn_end(arg);
}

int turn_init(struct keeper *keeper, struct error *err)
{
    struct turn *turn = &keeper->turn;
    STAILQ_INIT(&turn->items);
    TAILQ_INIT(&turn->changed);
    turn->end = evtimer_new(keeper->base, on_end, keeper);
    turn->retry = evtimer_new(keeper->base, on_end, keeper);
    if (turn->end == NULL || turn->retry == NULL)
        return fail(err, ENOMEM, "prepare the turn");
    return 0;
}

void turn_done(struct keeper *keeper)
{
    struct turn *turn = &keeper->turn;
    struct turn_item *item;
    while ((item = STAILQ_FIRST(&turn->items)) != NULL) {
        STAILQ_REMOVE_HEAD(&turn->items, in_turn);
        turn_item_free(item);
    }
    if (turn->end != NULL)
        event_free(turn->end);
    if (turn->retry != NULL)
        event_free(turn->retry);
    turn->end = turn->retry = NULL;
}

void turn_schedule(struct keeper *keeper)
{
    /* Active events run in the order in which they became active: this one behind all that this turn has brought. */
    if (!keeper->turn.is_scheduled)
        event_active(keeper->turn.end, EV_TIMEOUT, 0);
    keeper->turn.is_scheduled = true;
}

int turn_write(struct keeper *keeper, struct error *err)
{
    turn_schedule(keeper);
    return store_begin(keeper->store, err);
}

void turn_spoil(struct keeper *keeper, const struct error *err)
{
    if (!keeper->turn.is_spoiled) /* the first fault is the cause of the others */
        keeper->turn.failure = *err;
    keeper->turn.is_spoiled = true;
    turn_schedule(keeper);
}

void turn_job_changed(struct keeper *keeper, struct job *job)
{
    if (!job->is_changed)
        TAILQ_INSERT_TAIL(&keeper->turn.changed, job, in_changed);
    job->is_changed = true;
    watch_news(keeper, job, false);
    turn_schedule(keeper);
}

bool turn_hides(const struct keeper *keeper, const struct job *job)
{
    return keeper->turn.is_behind && job->is_changed;
}

/* Whether an answer may tell of what is not stored yet. What is hidden it does not tell. */
static bool must_wait(const struct keeper *keeper)
{
    const struct turn *turn = &keeper->turn;
    return store_is_open(keeper->store) || !STAILQ_EMPTY(&turn->items) ||
           (!TAILQ_EMPTY(&turn->changed) && !turn->is_behind);
}

void turn_send(struct keeper *keeper, struct peer *peer, enum msg_type type, uint32_t request_id, const void *body,
               const int *fds, unsigned fd_count)
{
    if (!must_wait(keeper)) {
        peer_send(peer, type, request_id, body, fds, fd_count);
        return;
    }
    turn_schedule(keeper);
    struct turn_item *item = turn_item_new(type, body, fds, fd_count);
    if (item == NULL) {
        peer_lose(peer, "no memory or descriptors for its answer");
        return;
    }
    item->peer = peer;
    item->epoch = peer->epoch;
    item->request_id = request_id;
    STAILQ_INSERT_TAIL(&keeper->turn.items, item, in_turn);
    keeper->turn.answers++;
}

void turn_then(struct keeper *keeper, turn_effect *effect, void *arg)
{
    turn_schedule(keeper);
    struct turn_item *item = calloc(1, sizeof *item);
    if (item == NULL) {
        /* Without it the deed would be forgotten: nothing of this turn may be stored then. */
        struct error err = { 0 };
        fail(&err, ENOMEM, "note what is to be done");
        turn_spoil(keeper, &err);
        effect(keeper, arg, false);
        return;
    }
    item->effect = effect;
    item->arg = arg;
    keeper->turn.asked_ms = clock_monotonic_ms();
    STAILQ_INSERT_TAIL(&keeper->turn.items, item, in_turn);
}

static int store_changed_job(struct keeper *keeper, struct job *job, struct error *err)
{
    struct audit_entry entry = { .job_id = &job->record.id,
                                 .actor = job->record.actor,
                                 .command = job->record.command };
    int done = job->is_replaced ? 0 : store_job_update(keeper->store, &job->record, err);
    if (done == 0 && (job->due & DUE_AUDIT_START) != 0) {
        entry.what = AUDIT_START;
        done = audit_record(keeper->store, &entry, err);
    }
    if (done == 0 && (job->due & DUE_AUDIT_END) != 0) {
        entry.what = AUDIT_END;
        entry.detail = job->record.message;
        done = audit_record(keeper->store, &entry, err);
    }
    return done;
}

/* An end that a replacement brings is on the disk, and not in memory yet. */
static int tell_end(struct keeper *keeper, const struct job *job, struct error *err)
{
    struct job_record record = job->record;
    int done = job->is_replaced ? store_job_read(keeper->store, &record.id, &record, err) : 0;
    if (done >= 0)
        done = callback_events_note(keeper, &record, callback_event_of(record.state), err);
    return done < 0 ? done : request_callbacks_tell(keeper, &record, err);
}

static int tell_callbacks(struct keeper *keeper, const struct job *job, struct error *err)
{
    int done = 0;
    if ((job->due & DUE_TELL_START) != 0)
        done = callback_events_note(keeper, &job->record, CALLBACK_STARTED, err);
    if (done == 0 && (job->due & DUE_TELL_END) != 0)
        done = tell_end(keeper, job, err);
    return done;
}

static int turn_commit(struct keeper *keeper, struct error *err)
{
    struct turn *turn = &keeper->turn;
    if (turn->is_spoiled) {
        *err = turn->failure;
        return -err->code;
    }
    if (!TAILQ_EMPTY(&turn->changed)) {
        int done = store_begin(keeper->store, err);
        struct job *job;
        TAILQ_FOREACH(job, &turn->changed, in_changed)
        if (done == 0)
            done = store_changed_job(keeper, job, err);
        TAILQ_FOREACH(job, &turn->changed, in_changed)
        if (done == 0)
            done = tell_callbacks(keeper, job, err);
        if (done < 0)
            return done;
    }
    if (!store_is_open(keeper->store))
        return 0;
    uint64_t before_ms = clock_monotonic_ms();
    int done = store_commit(keeper->store, err);
    uint64_t took_ms = clock_monotonic_ms() - before_ms;
    if (took_ms > COMMIT_SLOW_MS)
        log_warn("a commit took %llu ms; the disk is slow, and requests wait for it", (unsigned long long)took_ms);
    return done;
}

/* These tell what a job or a function is, or that there is one, and were made of what was to be stored. */
static const bool tells_of_jobs[MSG_COUNT] = {
    [MSG_SUBMITTED] = true, [MSG_JOB] = true,         [MSG_JOBS_END] = true,
    [MSG_CALLBACK] = true,  [MSG_HOOK_ANSWER] = true, [MSG_FUNCTION] = true,
};

static void send_answer(struct keeper *keeper, struct turn_item *item, bool is_stored)
{
    if (item->epoch != item->peer->epoch)
        return;
    if (is_stored || !tells_of_jobs[item->type]) {
        peer_send(item->peer, item->type, item->request_id, item->body, item->fds, item->fd_count);
        return;
    }
    struct msg_refused refused;
    request_refusal(&keeper->turn.failure, &refused);
    watch_remove(keeper, item->request_id); /* the front hears that this request is over */
    peer_send(item->peer, MSG_REFUSED, item->request_id, &refused, NULL, 0);
}

static void run_item(struct keeper *keeper, struct turn_item *item, bool is_stored)
{
    if (item->effect != NULL)
        item->effect(keeper, item->arg, is_stored);
    else
        send_answer(keeper, item, is_stored);
    turn_item_free(item);
}

/* What was asked for in this turn hears how it went. The lists may grow meanwhile: that is the next turn's. */
static void run_items(struct keeper *keeper, bool is_stored)
{
    STAILQ_HEAD(, turn_item) items = STAILQ_HEAD_INITIALIZER(items);
    STAILQ_CONCAT(&items, &keeper->turn.items);
    keeper->turn.answers = 0;
    struct turn_item *item;
    while ((item = STAILQ_FIRST(&items)) != NULL) {
        STAILQ_REMOVE_HEAD(&items, in_turn);
        run_item(keeper, item, is_stored);
    }
}

/* What ends bring was undone with them: it is due again. */
static void follow_again(struct keeper *keeper)
{
    struct job *job;
    TAILQ_FOREACH(job, &keeper->turn.changed, in_changed)
    {
        job->has_followed = false;
        if (job->record.step_count > 0 && !job->is_sequence_due) {
            job->is_sequence_due = true;
            TAILQ_INSERT_TAIL(&keeper->sequences_due, job, in_due);
        }
    }
}

/*
 * New jobs leave the list when their submit is undone; the others stay and are written again. A damaged database will not
 * mend itself, and what it takes from now on may be lost with the rest.
 */
static void turn_failed(struct keeper *keeper, const struct error *err)
{
    struct turn *turn = &keeper->turn;
    turn->is_behind = true;
    turn->failure = *err;
    store_rollback(keeper->store);
    retention_undone(keeper);
    deliveries_undone(keeper);
    if (err->code == EBADMSG) {
        log_error("what this turn brought could not be stored (%s); ending%s", err->text, records_advice(err->code));
        keeper_stop(keeper, EXIT_RECORDS);
    } else {
        log_error(
            "what this turn brought could not be stored (%s); new requests are refused, the rest is tried again%s",
            err->text, records_advice(err->code));
    }
    run_items(keeper, false);
    follow_again(keeper); /* what was submitted for them is undone */
    timer_start(turn->retry, RETRY_MS);
}

/* What is due for one job concerns that job alone, so the list does not change under us. */
static void turn_stored(struct keeper *keeper, bool is_proof)
{
    TAILQ_HEAD(stored, job) stored = TAILQ_HEAD_INITIALIZER(stored);
    struct job *job;
    if (keeper->turn.is_behind && !TAILQ_EMPTY(&keeper->turn.changed))
        log_info("the records can be written again, and say what happened meanwhile");
    if (is_proof)
        keeper->turn.is_behind = false;
    feed_stored(keeper); /* before what follows from it changes jobs again */
    TAILQ_CONCAT(&stored, &keeper->turn.changed, in_changed);
    while ((job = TAILQ_FIRST(&stored)) != NULL) {
        TAILQ_REMOVE(&stored, job, in_changed);
        job->is_changed = false;
        job_stored(keeper, job);
    }
    run_items(keeper, true);
    deliveries_stored(keeper);
}

static void drop_lost_peers(struct keeper *keeper)
{
    if (keeper->front.is_lost) {
        peer_disconnect(&keeper->front);
        calls_abandon_all(keeper);
        watches_clear(keeper);
        feeds_clear(keeper);
    }
    if (keeper->launcher.is_lost) {
        peer_disconnect(&keeper->launcher);
        launcher_is_gone(keeper);
        peer_expect(&keeper->launcher); /* a front that we let go ends itself */
    }
    if (keeper->notifier.is_lost) {
        peer_disconnect(&keeper->notifier); /* ends itself, too, or there are no callbacks any more */
        deliveries_notifier_is_gone(keeper);
    }
}

/* What ends bring: the next steps of sequences, and what follows by a chain. Both may end jobs themselves. */
static bool follow_up(struct keeper *keeper)
{
    bool has_any = false, has_more;
    do {
        has_more = !TAILQ_EMPTY(&keeper->sequences_due);
        sequences_advance(keeper);
        has_more |= chains_follow(keeper);
        has_any |= has_more;
    } while (has_more);
    return has_any;
}

void turn_end(struct keeper *keeper)
{
    struct error err = { 0 };
    drop_lost_peers(keeper);
    follow_up(keeper);
    queue_start_next(keeper);
    bool has_started_more = follow_up(keeper); /* of those that could not start, or are sequences */
    if (store_is_open(keeper->store) || !TAILQ_EMPTY(&keeper->turn.changed))
        retention_before_commit(keeper);
    /* A turn that has nothing to write proves nothing about the disk, but when it is time to try again. */
    bool is_proof = store_is_open(keeper->store) || !TAILQ_EMPTY(&keeper->turn.changed) ||
                    !evtimer_pending(keeper->turn.retry, NULL);
    unsigned ends = keeper->turn.ends;
    keeper->turn.ends = 0;
    keeper->turn.is_scheduled = false; /* what the deeds below bring belongs to the next turn */
    if (has_started_more)
        turn_schedule(keeper);
    int done = turn_commit(keeper, &err);
    keeper->turn.is_spoiled = false;
    if (done == 0)
        turn_stored(keeper, is_proof);
    else
        turn_failed(keeper, &err);
    watches_tell(keeper);
    feeds_tell(keeper);
    shutdown_check(keeper);
    retention_after_turn(keeper, ends);
}
