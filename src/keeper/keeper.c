#include "keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "control.h"
#include "last_uses.h"
#include "keeper_answer.h"
#include "launcher_answer.h"
#include "notifier_answer.h"
#include "output_files.h"
#include "records.h"
#include "recover.h"
#include "sequence.h"
#include "stdin_file.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/store/deliveries.h"
#include "sallyport/store/hook_deliveries.h"

#define KEYS_EVERY_TICKS 60
#define HOOKS_AT_ONCE    2000
#define KEYS_AT_ONCE     200 /* small, so that no request waits for the sweep */

static void on_tick(evutil_socket_t fd, short what, void *arg);

static int prepare_events(struct keeper *keeper, struct error *err)
{
    static const struct timeval every = { .tv_sec = 1 };
    int (*const steps[])(struct keeper *, struct error *) = {
        turn_init,         queue_init,   watches_init, feeds_init,      shutdown_init, retention_init, copies_init,
        output_syncs_init, metrics_init, alarms_init,  deliveries_init, logins_init,   hooks_init
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int done = steps[i](keeper, err);
        if (done < 0)
            return done;
    }
    keeper->tick = event_new(keeper->base, -1, EV_PERSIST, on_tick, keeper);
    if (keeper->tick == NULL || event_add(keeper->tick, &every) < 0)
        return fail(err, ENOMEM, "make the event loop");
    return 0;
}

int keeper_new(struct event_base *base, int state_fd, int null_fd, int doorbell_fd, struct workers *workers,
               const char *database_path, struct rules *rules, struct keeper **ret_keeper, struct error *err)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL)
        return fail(err, ENOMEM, "make the keeper");
    keeper->base = base;
    keeper->state_fd = state_fd;
    keeper->null_fd = null_fd;
    keeper->doorbell_fd = doorbell_fd;
    keeper->unlinker = workers->unlinker;
    keeper->verifier = workers->verifier;
    *workers = (struct workers){ 0 };
    keeper->rules = *rules;
    *rules = (struct rules){ 0 };
    STAILQ_INIT(&keeper->turn.items);
    TAILQ_INIT(&keeper->turn.changed);
    TAILQ_INIT(&keeper->watches.news);
    TAILQ_INIT(&keeper->sequences_due);
    TAILQ_INIT(&keeper->feeds.list);
    keeper->refusals = (struct refusals){ .what = AUDIT_REFUSED, .others = "unauthenticated" };
    keeper->faults = (struct refusals){ .what = AUDIT_DROPPED, .others = "faults of many kinds" };
    reloads_init(keeper);
    peer_init(&keeper->front, keeper, "front", front_take);
    peer_init(&keeper->launcher, keeper, "launcher", launcher_take);
    peer_init(&keeper->notifier, keeper, "notifier", notifier_take);
    int done = prepare_events(keeper, err);
    if (done == 0)
        done = throttle_init(&keeper->throttle, err);
    if (done == 0)
        done = output_files_prepare(state_fd, err);
    if (done == 0)
        done = stdin_files_prepare(state_fd, err);
    if (done == 0)
        done = records_check(state_fd, err);
    if (done == 0)
        done = store_open(database_path, keeper->rules.settings.syncs_fully, &keeper->store, err);
    if (done == 0)
        done = drain_load(keeper, err);
    if (done == 0)
        done = pauses_load(keeper, err);
    if (done == 0)
        done = sessions_load(keeper, err);
    if (done == 0) {
        queue_renew(keeper);
        done = recover_jobs(keeper, err);
    }
    if (done == 0) {
        store_settle_at_close(keeper->store);
        retention_tick(keeper);
        alarms_renew(keeper);
        deliveries_wake(keeper);
    }
    if (done < 0) {
        keeper_free(keeper);
        return done;
    }
    *ret_keeper = keeper;
    return 0;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    peer_done(&keeper->front);
    peer_done(&keeper->launcher);
    peer_done(&keeper->notifier);
    control_done(keeper);
    if (keeper->base != NULL)
        jobs_each(keeper, job_forget);
    turn_done(keeper);
    queue_done(keeper);
    pauses_done(keeper);
    watches_done(keeper);
    feeds_done(keeper);
    shutdown_done(keeper);
    reloads_done(keeper);
    alarms_done(keeper);
    deliveries_done(keeper);
    retention_done(keeper);
    logins_done(keeper);
    unlinker_stop(&keeper->unlinker);
    intakes_done(keeper);
    stdin_chunks_done(keeper);
    copies_done(keeper);
    output_syncs_done(keeper);
    metrics_done(keeper);
    hooks_done(keeper);
    if (keeper->tick != NULL)
        event_free(keeper->tick);
    if (keeper->base != NULL)
        event_base_free(keeper->base);
    store_close(keeper->store);
    verifier_stop(&keeper->verifier); /* waits for the passwords that are queued, and the records do not wait with it */
    rules_free(&keeper->rules);
    rules_free(&keeper->draft);
    fd_close(&keeper->state_fd); /* behind all that works with files: it is locked by our having it open */
    fd_close(&keeper->null_fd);
    fd_close(&keeper->doorbell_fd);
    free(keeper);
}

static void rules_recorded(struct keeper *keeper, void *arg, bool is_stored)
{
    (void)arg;
    keeper->is_rules_entry_due = !is_stored; /* a full disk: the next tick tries again */
}

static void record_rules(struct keeper *keeper)
{
    struct error err = { 0 };
    char detail[64];
    snprintf(detail, sizeof detail, "generation %u took effect", keeper->rules.generation);
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = audit_record(keeper->store, &(struct audit_entry){ .what = AUDIT_CONFIG, .detail = detail, .count = 1 },
                            &err);
    if (done < 0) {
        log_error("a change of the configuration could not be recorded: %s; trying again", err.text);
        turn_spoil(keeper, &err);
    }
    turn_then(keeper, rules_recorded, NULL);
}

void keeper_change_rules(struct keeper *keeper, struct rules *draft)
{
    struct error err = { 0 };
    last_uses_move(&keeper->rules, draft);
    rules_free(&keeper->rules);
    keeper->rules = *draft;
    throttle_forget(&keeper->throttle);
    *draft = (struct rules){ 0 };
    if (store_is_open(keeper->store))
        turn_end(keeper); /* the way of syncing cannot change within a transaction */
    if (store_set_sync(keeper->store, keeper->rules.settings.syncs_fully, &err) < 0)
        log_error("store.sync cannot be changed now: %s", err.text);
    record_rules(keeper);
    metrics_note_reload(keeper, true);
    queue_renew(keeper);
    alarms_renew(keeper);
    deliveries_renew(keeper);
    sessions_check(keeper);
    watches_check(keeper);
    feeds_check(keeper);
    front_tell_status(keeper);
    log_info("generation %u of the configuration is in effect", keeper->rules.generation);
}

void keeper_connect(struct keeper *keeper, enum process process, int fd)
{
    struct error err = { 0 };
    int done = 0;
    if (process == PROCESS_FRONT) {
        calls_abandon_all(keeper);
        watches_clear(keeper); /* their numbers belong to the old one */
        feeds_clear(keeper);
        done = peer_connect(&keeper->front, fd, &err);
        front_tell_status(keeper);
    } else if (process == PROCESS_LAUNCHER) {
        launcher_is_gone(keeper);
        done = peer_connect(&keeper->launcher, fd, &err);
    } else if (process == PROCESS_NOTIFIER) {
        deliveries_notifier_is_gone(keeper);
        done = peer_connect(&keeper->notifier, fd, &err);
        deliveries_wake(keeper);
    } else {
        fd_close(&fd);
        log_warn("a peer was handed over that the keeper has no business with; it is closed");
    }
    if (done < 0)
        log_error("a new peer cannot be used: %s; waiting for another", err.text);
}

void keeper_stop(struct keeper *keeper, int exit_code)
{
    keeper->exit_code = exit_code;
    event_base_loopbreak(keeper->base);
}

static void expire_keys(struct keeper *keeper)
{
    struct error err = { 0 };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = store_keys_expire(keeper->store, clock_unix_ms(), KEYS_AT_ONCE, &err);
    if (done >= 0)
        done = store_dedupe_expire(keeper->store, clock_unix_ms(), KEYS_AT_ONCE, &err);
    if (done >= 0)
        done = store_deliveries_expire(keeper->store, clock_unix_ms() - DELIVERY_LOG_MS, KEYS_AT_ONCE, &err);
    if (done >= 0)
        done = store_hook_deliveries_expire(keeper->store, clock_unix_ms() - DELIVERY_LOG_MS, HOOKS_AT_ONCE, &err);
    if (done < 0)
        log_warn("old keys cannot be removed: %s; trying again in a minute", err.text);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    (void)fd;
    (void)what;
    watches_check_expiry(keeper);
    feeds_check_expiry(keeper);
    feeds_tick(keeper);
    refusals_flush(keeper, &keeper->refusals);
    refusals_flush(keeper, &keeper->faults);
    last_uses_write(keeper);
    sessions_tick(keeper);
    overdue_end(keeper);
    sequences_tick(keeper);
    alarms_check(keeper);
    reloads_check(keeper);
    deliveries_tick(keeper);
    if (keeper->is_rules_entry_due && !keeper->turn.is_behind)
        record_rules(keeper);
    if (keeper->ticks++ % KEYS_EVERY_TICKS == 0)
        expire_keys(keeper);
    retention_tick(keeper);
}
