#include "turn.h"

#include <errno.h>
#include <stdlib.h>

#include "chain.h"
#include "job_life.h"
#include "keeper.h"
#include "launcher_answer.h"
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

void turn_spoil(struct keeper *keeper)
{
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

/* Whether anything is known in memory that is not stored yet. */
static bool has_unstored(const struct keeper *keeper)
{
    return store_is_open(keeper->store) || !TAILQ_EMPTY(&keeper->turn.changed) || !STAILQ_EMPTY(&keeper->turn.items);
}

void turn_send(struct keeper *keeper, struct peer *peer, enum msg_type type, uint32_t request_id, const void *body,
               const int *fds, unsigned fd_count)
{
    if (!has_unstored(keeper)) {
        peer_send(peer, type, request_id, body, fds, fd_count);
        return;
    }
    turn_schedule(keeper);
    struct turn_item *item = turn_item_new(type, body, fds, fd_count);
    if (item == NULL) {
        peer_break(peer, "no memory or descriptors for its answer");
        return;
    }
    item->peer = peer;
    item->epoch = peer->epoch;
    item->request_id = request_id;
    STAILQ_INSERT_TAIL(&keeper->turn.items, item, in_turn);
}

void turn_then(struct keeper *keeper, turn_effect *effect, void *arg)
{
    turn_schedule(keeper);
    struct turn_item *item = calloc(1, sizeof *item);
    if (item == NULL) {
        /* Without it the deed would be forgotten: nothing of this turn may be stored then. */
        turn_spoil(keeper);
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
    int done = store_job_update(keeper->store, &job->record, err);
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

static int turn_commit(struct keeper *keeper, struct error *err)
{
    struct turn *turn = &keeper->turn;
    if (turn->is_spoiled)
        return fail_plain(err, EIO, "a part of this turn could not be stored");
    if (!TAILQ_EMPTY(&turn->changed)) {
        int done = store_begin(keeper->store, err);
        struct job *job;
        TAILQ_FOREACH(job, &turn->changed, in_changed)
        if (done == 0)
            done = store_changed_job(keeper, job, err);
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

static void run_item(struct keeper *keeper, struct turn_item *item, bool is_stored)
{
    if (item->effect != NULL)
        item->effect(keeper, item->arg, is_stored);
    else if (item->epoch == item->peer->epoch)
        peer_send(item->peer, item->type, item->request_id, item->body, item->fds, item->fd_count);
    turn_item_free(item);
}

/* What was asked for in this turn hears how it went. The lists may grow meanwhile: that is the next turn's. */
static void run_items(struct keeper *keeper, bool is_stored)
{
    STAILQ_HEAD(, turn_item) items = STAILQ_HEAD_INITIALIZER(items);
    STAILQ_CONCAT(&items, &keeper->turn.items);
    struct turn_item *item;
    while ((item = STAILQ_FIRST(&items)) != NULL) {
        STAILQ_REMOVE_HEAD(&items, in_turn);
        run_item(keeper, item, is_stored);
    }
}

/* New jobs leave the list when their submit is undone; the others stay and are written again. */
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

static void turn_failed(struct keeper *keeper, const struct error *err)
{
    log_error("what this turn brought could not be stored (%s); new requests are refused, the rest is tried again",
              err->text);
    store_rollback(keeper->store);
    run_items(keeper, false);
    follow_again(keeper); /* what was submitted for them is undone */
    if (!TAILQ_EMPTY(&keeper->turn.changed))
        timer_start(keeper->turn.retry, RETRY_MS);
}

/* What is due for one job concerns that job alone, so the list does not change under us. */
static void turn_stored(struct keeper *keeper)
{
    TAILQ_HEAD(stored, job) stored = TAILQ_HEAD_INITIALIZER(stored);
    struct job *job;
    TAILQ_CONCAT(&stored, &keeper->turn.changed, in_changed);
    while ((job = TAILQ_FIRST(&stored)) != NULL) {
        TAILQ_REMOVE(&stored, job, in_changed);
        job->is_changed = false;
        job_stored(keeper, job);
    }
    run_items(keeper, true);
}

static void drop_lost_peers(struct keeper *keeper)
{
    if (keeper->front.is_lost) {
        peer_disconnect(&keeper->front);
        watches_clear(keeper);
    }
    if (keeper->launcher.is_lost) {
        peer_disconnect(&keeper->launcher);
        launcher_is_gone(keeper);
        peer_expect(&keeper->launcher); /* a front that we let go ends itself */
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
        retention_ride(keeper);
    keeper->turn.ends = 0;
    keeper->turn.is_scheduled = false; /* what the deeds below bring belongs to the next turn */
    if (has_started_more)
        turn_schedule(keeper);
    int done = turn_commit(keeper, &err);
    keeper->turn.is_spoiled = false;
    if (done == 0)
        turn_stored(keeper);
    else
        turn_failed(keeper, &err);
    watches_tell(keeper);
    drain_check(keeper);
}
