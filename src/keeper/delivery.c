#include "delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "keeper.h"
#include "request_callback.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/store/deliveries.h"

#define AGAIN_MS      1000  /* after what is no fault of the receiver */
#define LONGEST_MS    60000 /* a clock that is set changes what is due */
#define ANSWER_WAIT_S 30    /* beyond an attempt's own time */

static void on_time(evutil_socket_t fd, short what, void *arg);

int deliveries_init(struct keeper *keeper, struct error *err)
{
    LIST_INIT(&keeper->deliveries.targets);
    LIST_INIT(&keeper->deliveries.under_way);
    keeper->deliveries.timer = evtimer_new(keeper->base, on_time, keeper);
    return keeper->deliveries.timer != NULL ? 0 : fail(err, ENOMEM, "prepare callbacks");
}

static void forget(struct keeper *keeper, struct under_way *under_way)
{
    LIST_REMOVE(under_way, in_list);
    keeper->deliveries.under_way_count--;
    free(under_way);
}

void deliveries_notifier_is_gone(struct keeper *keeper)
{
    struct under_way *under_way = LIST_FIRST(&keeper->deliveries.under_way);
    while (under_way != NULL) {
        struct under_way *next = LIST_NEXT(under_way, in_list);
        under_way->target->under_way--;
        free(under_way);
        under_way = next;
    }
    LIST_INIT(&keeper->deliveries.under_way);
    keeper->deliveries.under_way_count = 0;
}

void deliveries_done(struct keeper *keeper)
{
    deliveries_notifier_is_gone(keeper);
    struct target *target = LIST_FIRST(&keeper->deliveries.targets);
    while (target != NULL) {
        struct target *next = LIST_NEXT(target, in_list);
        free(target);
        target = next;
    }
    LIST_INIT(&keeper->deliveries.targets);
    if (keeper->deliveries.timer != NULL)
        event_free(keeper->deliveries.timer);
    keeper->deliveries.timer = NULL;
}

void deliveries_wake(struct keeper *keeper)
{
    timer_start(keeper->deliveries.timer, 0);
}

void deliveries_undone(struct keeper *keeper)
{
    struct target *target;
    LIST_FOREACH(target, &keeper->deliveries.targets, in_list)
    target->overflows_due = 0;
}

void deliveries_stored(struct keeper *keeper)
{
    struct target *target;
    LIST_FOREACH(target, &keeper->deliveries.targets, in_list)
    {
        target->overflows += target->overflows_due;
        target->overflows_due = 0;
    }
    if (keeper->deliveries.is_due)
        deliveries_wake(keeper);
    keeper->deliveries.is_due = false;
}

/* "gone/NAME": the number of the start of the service in which its receiver said so; nothing of another start. */
static void gone_mark(const char *name, char ret_mark[NAME_MAX_BYTES + 8])
{
    snprintf(ret_mark, NAME_MAX_BYTES + 8, "gone/%s", name);
}

static bool was_gone(struct keeper *keeper, const char *name)
{
    char mark[NAME_MAX_BYTES + 8];
    struct error err = { 0 };
    uint64_t service = 0;
    gone_mark(name, mark);
    if (store_mark_read(keeper->store, mark, &service, &err) < 0)
        log_warn("whether the receiver of callback '%s' is gone cannot be read: %s; it is asked", name, err.text);
    return service != 0 && service == keeper->rules.settings.service;
}

static int set_gone(struct keeper *keeper, const char *name, bool is_gone, struct error *err)
{
    char mark[NAME_MAX_BYTES + 8];
    gone_mark(name, mark);
    int done = turn_write(keeper, err);
    return done < 0 ? done : store_mark_set(keeper->store, mark, is_gone ? keeper->rules.settings.service : 0, err);
}

void deliveries_renew(struct keeper *keeper)
{
    struct target *target;
    struct error err = { 0 };
    for (uint32_t i = 0; i < keeper->rules.callback_count; i++) {
        const char *name = keeper->rules.callbacks[i].name;
        if (was_gone(keeper, name) && set_gone(keeper, name, false, &err) < 0)
            turn_spoil(keeper, &err);
    }
    LIST_FOREACH(target, &keeper->deliveries.targets, in_list)
    target_renew(target);
    deliveries_wake(keeper);
}

static struct target *find_target(struct keeper *keeper, const char *name)
{
    struct target *target;
    LIST_FOREACH(target, &keeper->deliveries.targets, in_list)
    if (strcmp(target->name, name) == 0)
        return target;
    target = calloc(1, sizeof *target);
    if (target == NULL)
        return NULL;
    text_copy(target->name, sizeof target->name, name);
    target->is_gone = was_gone(keeper, name);
    LIST_INSERT_HEAD(&keeper->deliveries.targets, target, in_list);
    return target;
}

void deliveries_note_room(struct keeper *keeper, const struct delivery *delivery, bool is_full)
{
    struct target *target = find_target(keeper, delivery->callback);
    if (target == NULL)
        return; /* a number is missing then, and no row */
    target->overflows_due += is_full;
    if (is_full && !target->is_full)
        log_warn("callback '%s' is not told of a job of '%s', nor of others before there is room again: %s",
                 delivery->callback, delivery->command, delivery->detail);
    target->is_full = is_full;
}

static struct under_way *find_under_way(struct keeper *keeper, const struct job_id *id)
{
    struct under_way *under_way;
    LIST_FOREACH(under_way, &keeper->deliveries.under_way, in_list)
    if (job_id_equal(&under_way->id, id))
        return under_way;
    return NULL;
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static void give_up_all(struct keeper *keeper, const char *callback, const char *why)
{
    struct error err = { 0 };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = store_deliveries_fail(keeper->store, callback, clock_unix_ms(), why, &err);
    if (done < 0)
        turn_spoil(keeper, &err);
    else
        log_warn("what callback '%s' should have been told is given up: %s", callback, why);
}

/* Where a request wanted it is not allowed any more, or never was by these rules. */
static void give_up(struct keeper *keeper, struct delivery *delivery, const char *why)
{
    struct error err = { 0 };
    int done = turn_write(keeper, &err);
    delivery->state = DELIVERY_FAILED;
    delivery->ended_unix_ms = clock_unix_ms();
    text_copy(delivery->detail, sizeof delivery->detail, why);
    if (done == 0)
        done = store_delivery_update(keeper->store, delivery, &err);
    if (done < 0)
        turn_spoil(keeper, &err);
    else
        log_warn("callback '%s' is not told of a job of '%s': %s", delivery->callback, delivery->command, why);
}

static bool begin(struct keeper *keeper, struct target *target, const struct setting_callback *callback,
                  const struct delivery *delivery)
{
    struct error err = { 0 };
    struct under_way *under_way = calloc(1, sizeof *under_way);
    if (under_way == NULL)
        return false;
    if (attempt_send(keeper, callback, delivery, &err) < 0) {
        log_warn("callback '%s' cannot be told now: %s", callback->name, err.text);
        free(under_way);
        return false;
    }
    *under_way = (struct under_way){
        .id = delivery->id, .target = target, .began_ms = clock_monotonic_ms(), .began_unix_ms = clock_unix_ms()
    };
    LIST_INSERT_HEAD(&keeper->deliveries.under_way, under_way, in_list);
    keeper->deliveries.under_way_count++;
    target_began(target);
    return true;
}

/* Returns how long until this callback is to be looked at again. */
static uint64_t send_some(struct keeper *keeper, struct target *target, const struct setting_callback *callback)
{
    struct delivery waiting[2 * CALLBACKS_PER_TARGET];
    char url[URL_MAX_BYTES], why[REASON_MAX_BYTES];
    struct error err = { 0 };
    uint64_t now_unix_ms = clock_unix_ms(), now_ms = clock_monotonic_ms();
    uint64_t wait_ms = target_wait_ms(target, now_ms);
    if (wait_ms > 0)
        return wait_ms;
    if (target_room(target, now_ms) == 0)
        return LONGEST_MS; /* an answer comes first */
    int count = store_deliveries_waiting(keeper->store, callback->name, waiting, 2 * CALLBACKS_PER_TARGET, &err);
    if (count < 0)
        log_error("what callback '%s' is to be told cannot be read: %s", callback->name, err.text);
    for (int i = 0; i < count; i++) {
        if (find_under_way(keeper, &waiting[i].id) != NULL)
            continue;
        if (!request_callback_is_good(callback, waiting[i].url, url, why)) {
            give_up(keeper, &waiting[i], why);
            continue;
        }
        if (waiting[i].due_unix_ms > now_unix_ms)
            return waiting[i].due_unix_ms - now_unix_ms;
        if (target_room(target, now_ms) == 0)
            return LONGEST_MS;
        if (keeper->deliveries.under_way_count >= CALLBACKS_AT_ONCE || !begin(keeper, target, callback, &waiting[i]))
            return AGAIN_MS;
    }
    return LONGEST_MS;
}

static uint64_t send_to(struct keeper *keeper, const char *name)
{
    const struct setting_callback *callback = rules_find_callback(&keeper->rules, name);
    struct target *target = find_target(keeper, name);
    if (target == NULL)
        return AGAIN_MS;
    if (callback == NULL)
        give_up_all(keeper, name, "the callback is not in the configuration any more");
    else if (target->is_gone)
        give_up_all(keeper, name, "its receiver is gone (410); a reload of the configuration tries it again");
    else
        return send_some(keeper, target, callback);
    return LONGEST_MS;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct error err = { 0 };
    char name[NAME_MAX_BYTES] = "";
    uint64_t wait_ms = LONGEST_MS;
    (void)fd;
    (void)what;
    if (store_is_open(keeper->store) || keeper->turn.is_behind) { /* what is not stored is told to nobody */
        keeper->deliveries.is_due = true;
        return;
    }
    while (store_delivery_callback_next(keeper->store, name, name, &err) > 0) {
        if (!keeper->notifier.is_connected && rules_find_callback(&keeper->rules, name) != NULL)
            continue; /* it comes, and wakes us */
        uint64_t next_ms = send_to(keeper, name);
        if (next_ms < wait_ms)
            wait_ms = next_ms;
    }
    timer_start(keeper->deliveries.timer, wait_ms);
}

void deliveries_tick(struct keeper *keeper)
{
    uint64_t patience_ms = CALLBACK_TIMEOUT_MAX_MS + ANSWER_WAIT_S * 1000, now_ms = clock_monotonic_ms();
    struct under_way *under_way;
    LIST_FOREACH(under_way, &keeper->deliveries.under_way, in_list)
    if (now_ms - under_way->began_ms > patience_ms) {
        peer_break(&keeper->notifier, "it does not say how an attempt went");
        return;
    }
}

/* --- what came of it ---------------------------------------------------------------------------------------------- */

static int note_gone(struct keeper *keeper, const struct delivery *delivery, struct error *err)
{
    struct audit_entry entry = { .what = AUDIT_CALLBACK,
                                 .job_id = &delivery->job_id,
                                 .command = delivery->command,
                                 .detail = delivery->callback,
                                 .count = 1 };
    log_warn("callback '%s' was answered with 410: it is left alone until the configuration is reloaded",
             delivery->callback);
    int done = set_gone(keeper, delivery->callback, true, err);
    return done < 0 ? done : audit_record(keeper->store, &entry, err);
}

/* What the delivery is after this attempt. */
static void settle(struct keeper *keeper, struct delivery *delivery, const struct msg_delivered *answer,
                   enum attempt_result result)
{
    const struct setting_callback *callback = rules_find_callback(&keeper->rules, delivery->callback);
    uint64_t now_unix_ms = clock_unix_ms(), pause_ms = AGAIN_MS;
    if (result != ATTEMPT_NOT_SENT)
        delivery->attempts++;
    attempt_text(answer, delivery->detail);
    if (result == ATTEMPT_NOT_SENT ||
        (result == ATTEMPT_AGAIN && callback != NULL && delivery->attempts < callback->max_attempts)) {
        if (result == ATTEMPT_AGAIN)
            pause_ms = attempt_hastened_ms(keeper, delivery_pause_ms(delivery->attempts, answer, attempt_random()));
        delivery->due_unix_ms = now_unix_ms + pause_ms;
        return;
    }
    delivery->state = result == ATTEMPT_DELIVERED ? DELIVERY_DELIVERED : DELIVERY_FAILED;
    delivery->ended_unix_ms = now_unix_ms;
    if (delivery->state == DELIVERY_FAILED)
        log_warn("callback '%s' could not be told of a job of '%s' in %u attempt%s: %s", delivery->callback,
                 delivery->command, delivery->attempts, delivery->attempts == 1 ? "" : "s", delivery->detail);
}

static int note(struct keeper *keeper, const struct under_way *under_way, const struct msg_delivered *answer,
                enum attempt_result result, struct error *err)
{
    struct delivery delivery = { 0 };
    struct delivery_attempt attempt = { .unix_ms = under_way->began_unix_ms,
                                        .outcome = answer->outcome,
                                        .status = answer->status,
                                        .duration_ms = answer->duration_ms };
    int done = turn_write(keeper, err);
    int found = done == 0 ? store_delivery_read(keeper->store, &under_way->id, &delivery, err) : done;
    if (found <= 0 || (delivery.state != DELIVERY_WAITING && result != ATTEMPT_DELIVERED))
        return found < 0 ? found : 0; /* given up meanwhile */
    settle(keeper, &delivery, answer, result);
    done = store_delivery_update(keeper->store, &delivery, err);
    attempt.number = delivery.attempts;
    text_copy(attempt.detail, sizeof attempt.detail, delivery.detail);
    if (done == 0 && result != ATTEMPT_NOT_SENT)
        done = store_attempt_add(keeper->store, &delivery.id, &attempt, err);
    if (done == 0 && result == ATTEMPT_GONE)
        done = note_gone(keeper, &delivery, err);
    return done;
}

bool delivery_answered(struct keeper *keeper, const struct msg_delivered *answer)
{
    struct under_way *under_way = find_under_way(keeper, &answer->delivery_id);
    struct error err = { 0 };
    if (under_way == NULL)
        return false;
    enum attempt_result result = delivery_judge(answer);
    const struct setting_callback *callback = rules_find_callback(&keeper->rules, under_way->target->name);
    if (result == ATTEMPT_GONE && callback != NULL && callback->is_prefix)
        result = ATTEMPT_REFUSED; /* one URL of many: it says nothing of the others */
    if (note(keeper, under_way, answer, result, &err) < 0) {
        log_error("how an attempt at a callback went cannot be stored: %s; it is sent again", err.text);
        turn_spoil(keeper, &err);
    }
    struct target *target = under_way->target;
    unsigned failures = target->failures;
    target_ended(target, result, clock_monotonic_ms(),
                 attempt_hastened_ms(keeper, delivery_pause_ms(2, answer, attempt_random())));
    if (failures + 1 == CALLBACK_BREAKER_FAILURES && target->failures == CALLBACK_BREAKER_FAILURES)
        log_warn("callback '%s' has failed %u times in a row; one attempt at a time is made until one succeeds",
                 target->name, target->failures);
    forget(keeper, under_way);
    keeper->deliveries.is_due = true;
    turn_schedule(keeper);
    return true;
}

uint64_t deliveries_backlog(const struct keeper *keeper)
{
    struct error err = { 0 };
    struct waiting_total total = { 0 };
    if (store_deliveries_total(keeper->store, "", &total, &err) < 0)
        log_warn("callbacks that wait cannot be counted: %s", err.text);
    return total.rows;
}

void deliveries_count(const struct keeper *keeper, struct metric_callback *callback)
{
    static const enum attempt_result results[CALLBACK_RESULT_COUNT] = {
        [CALLBACK_DELIVERED] = ATTEMPT_DELIVERED,
        [CALLBACK_RETRIED] = ATTEMPT_AGAIN,
        [CALLBACK_REFUSED] = ATTEMPT_REFUSED,
        [CALLBACK_GONE] = ATTEMPT_GONE,
    };
    const struct target *target;
    LIST_FOREACH(target, &keeper->deliveries.targets, in_list)
    {
        if (strcmp(target->name, callback->target) != 0)
            continue;
        for (unsigned i = 0; i < CALLBACK_RESULT_COUNT; i++)
            callback->attempts[i] = target->results[results[i]];
        callback->overflows = target->overflows;
    }
}
