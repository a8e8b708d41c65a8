#include "alarms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "own_submit.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define LONGEST_WAIT_MS 1000 /* then the tick looks, which also sees a clock that was set */

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    alarms_check(arg);
}

int alarms_init(struct keeper *keeper, struct error *err)
{
    keeper->alarms.timer = evtimer_new(keeper->base, on_due, keeper);
#if SALLYPORT_TEST_SWITCHES
    keeper->alarms.started_ms = clock_monotonic_ms();
#endif
    return keeper->alarms.timer != NULL ? 0 : fail(err, ENOMEM, "prepare schedules");
}

void alarms_done(struct keeper *keeper)
{
    if (keeper->alarms.timer != NULL)
        event_free(keeper->alarms.timer);
    keeper->alarms.timer = NULL;
    free(keeper->alarms.list);
    keeper->alarms.list = NULL;
    keeper->alarms.count = 0;
}

uint64_t alarms_now_ms(const struct keeper *keeper)
{
#if SALLYPORT_TEST_SWITCHES
    const struct setting_keeper *settings = &keeper->rules.settings;
    if (settings->test_clock_unix_ms != 0)
        return settings->test_clock_unix_ms +
               (clock_monotonic_ms() - keeper->alarms.started_ms) * settings->test_clock_speed;
#endif
    (void)keeper;
    return clock_unix_ms();
}

/* Real milliseconds until the schedules' clock has gone on by so many. */
static uint64_t real_ms(const struct keeper *keeper, uint64_t ms)
{
#if SALLYPORT_TEST_SWITCHES
    if (keeper->rules.settings.test_clock_unix_ms != 0)
        return ms / keeper->rules.settings.test_clock_speed + 1;
#endif
    (void)keeper;
    return ms;
}

/* --- the marks --------------------------------------------------------------------------------------------------------- */

/* What decides when it runs. Another command or other parameters change what runs, not when. */
static void digest_of(const struct rule_schedule *rule, const struct zone *zone, uint8_t ret_digest[HASH_BYTES])
{
    char text[SCHEDULE_TEXT_BYTES + 2 * NAME_MAX_BYTES];
    int size = snprintf(text, sizeof text, "%d %s %s", rule->timing.schedule.form, zone->name, rule->text);
    hash_sha256(text, (size_t)size, ret_digest);
}

static void compute_next(struct alarm *alarm)
{
    const struct timing *timing = &alarm->rule->timing;
    alarm->has_next = schedule_next(&timing->schedule, timing->zone, alarm->seen_unix_ms, &alarm->next_unix_ms);
    if (alarm->has_next)
        alarm->due_unix_ms = timing_due_unix_ms(timing, alarm->next_unix_ms);
}

static int write_mark(struct keeper *keeper, const struct alarm *alarm, uint64_t seen_unix_ms, struct error *err)
{
    struct schedule_mark mark = { .seen_unix_ms = seen_unix_ms };
    memcpy(mark.digest, alarm->digest, HASH_BYTES);
    int done = turn_write(keeper, err);
    return done < 0 ? done : store_schedule_set(keeper->store, alarm->rule->name, &mark, err);
}

/* From its mark, or from now on. */
static int prepare(struct keeper *keeper, struct alarm *alarm, const struct rule_schedule *rule, struct error *err)
{
    struct schedule_mark mark;
    *alarm = (struct alarm){ .rule = rule };
    digest_of(rule, rule->timing.zone, alarm->digest);
    int found = store_schedule_read(keeper->store, rule->name, &mark, err);
    if (found < 0)
        return found;
    bool is_known = found > 0 && memcmp(mark.digest, alarm->digest, HASH_BYTES) == 0;
    alarm->seen_unix_ms = is_known ? mark.seen_unix_ms : alarms_now_ms(keeper);
    compute_next(alarm);
    return is_known ? 0 : write_mark(keeper, alarm, alarm->seen_unix_ms, err);
}

static struct alarm *find_alarm(struct keeper *keeper, const char *name)
{
    for (uint32_t i = 0; i < keeper->alarms.count; i++)
        if (strcmp(keeper->alarms.list[i].rule->name, name) == 0)
            return &keeper->alarms.list[i];
    return NULL;
}

/* One that comes back some day is new then. */
static int forget_others(struct keeper *keeper, struct error *err)
{
    char name[NAME_MAX_BYTES] = "";
    int found;
    while ((found = store_schedule_next(keeper->store, name, name, err)) > 0) {
        if (find_alarm(keeper, name) != NULL)
            continue;
        int done = turn_write(keeper, err);
        if (done == 0)
            done = store_schedule_remove(keeper->store, name, err);
        if (done < 0)
            return done;
    }
    return found;
}

static int take_rules(struct keeper *keeper, struct error *err)
{
    const struct rule_schedules *schedules = &keeper->rules.schedules;
    int done = 0;
    for (uint32_t i = 0; i < schedules->count && done == 0; i++)
        if (schedules->list[i].is_enabled)
            done = prepare(keeper, &keeper->alarms.list[keeper->alarms.count++], &schedules->list[i], err);
    return done < 0 ? done : forget_others(keeper, err);
}

void alarms_renew(struct keeper *keeper)
{
    struct error err = { 0 };
    free(keeper->alarms.list);
    keeper->alarms.count = 0;
    keeper->alarms.list = calloc(keeper->rules.schedules.count + 1, sizeof *keeper->alarms.list);
    int done = keeper->alarms.list != NULL ? take_rules(keeper, &err) : fail(&err, ENOMEM, "take schedules");
    if (done < 0) {
        log_error("how far schedules were settled could not be read or noted (%s); they begin at now", err.text);
        turn_spoil(keeper, &err);
    }
    alarms_check(keeper);
}

/* --- a run --------------------------------------------------------------------------------------------------------------- */

static const char *firing; /* whose run is being submitted; NULL when a commit's end is heard of */

static void run_heard(struct keeper *keeper, struct own_submit *own, const struct msg_submitted *submitted,
                      const struct msg_refused *refused)
{
    (void)keeper;
    (void)own;
    if (submitted == NULL && firing != NULL)
        log_warn("a run of schedule '%s' was refused: %u %s: %s; the next comes at its time", firing, refused->status,
                 refused->code, refused->detail);
}

static void submit_run(struct keeper *keeper, const struct rule_schedule *rule, uint64_t nominal_unix_ms)
{
    static struct own_submit own; /* heard of again when the commit is through */
    static struct msg_submit asked;
    struct setting_scope scope;
    const char *command = keeper->rules.policy->commands[rule->command].name;
    struct caller who = caller_for(rule->name, EVIDENCE_SERVICE, command, &scope);
    asked = (struct msg_submit){ .params = { rule->params, rule->params_bytes } };
    text_copy(asked.command, sizeof asked.command, command);
    snprintf(asked.idempotency_key, sizeof asked.idempotency_key, "%s/%llu", rule->name,
             (unsigned long long)nominal_unix_ms);
    char when[CLOCK_TEXT_BYTES];
    snprintf(asked.reason, sizeof asked.reason, "scheduled for %s", clock_text(nominal_unix_ms, when));
    own = (struct own_submit){ .source = JOB_SOURCE_SCHEDULE, .origin = rule->name, .heard = run_heard };
    firing = rule->name;
    submit_own(keeper, &own, &who, &asked);
    firing = NULL;
}

/* What waits for the commit that moves a mark on. By name: a reload may come first. */
struct settling {
    char name[NAME_MAX_BYTES];
    uint8_t digest[HASH_BYTES];
    uint64_t seen_unix_ms;
};

static void settled(struct keeper *keeper, void *arg, bool is_stored)
{
    struct settling *settling = arg;
    struct alarm *alarm = find_alarm(keeper, settling->name);
    if (alarm != NULL && memcmp(alarm->digest, settling->digest, HASH_BYTES) == 0) {
        alarm->is_settling = false;
        if (is_stored) {
            alarm->seen_unix_ms = settling->seen_unix_ms;
            compute_next(alarm);
        }
    }
    free(settling);
    if (is_stored)
        alarms_check(keeper); /* else the tick does: the disk gets its time */
}

static void tell_missed(struct keeper *keeper, const struct alarm *alarm, const struct catch_up *work)
{
    uint32_t missed = work->count - work->run_count;
    if (missed == 0)
        return;
    keeper->alarms.missed += missed;
    log_warn("schedule '%s' missed %u run%s, and %u of them start%s now, late", alarm->rule->name, work->count,
             work->count == 1 ? "" : "s", work->run_count, work->run_count == 1 ? "s" : "");
}

static void fire(struct keeper *keeper, struct alarm *alarm)
{
    static struct catch_up work;
    struct error err = { 0 };
    struct settling *settling = malloc(sizeof *settling);
    if (settling == NULL)
        return; /* the tick tries again */
    timing_catch_up(&alarm->rule->timing, alarm->seen_unix_ms, alarms_now_ms(keeper), &work);
    *settling = (struct settling){ .seen_unix_ms = work.seen_unix_ms };
    text_copy(settling->name, sizeof settling->name, alarm->rule->name);
    memcpy(settling->digest, alarm->digest, HASH_BYTES);
    if (write_mark(keeper, alarm, work.seen_unix_ms, &err) < 0) {
        log_error("a run of schedule '%s' cannot be noted: %s; trying again", alarm->rule->name, err.text);
        turn_spoil(keeper, &err);
        free(settling);
        return;
    }
    for (uint32_t i = 0; i < work.run_count; i++)
        submit_run(keeper, alarm->rule, work.run_unix_ms[i]);
    tell_missed(keeper, alarm, &work);
    alarm->is_settling = true;
    turn_then(keeper, settled, settling);
}

void alarms_check(struct keeper *keeper)
{
    if (keeper->shutdown.is_on || keeper->drain.is_on)
        return;
    uint64_t now_ms = alarms_now_ms(keeper), wait_ms = LONGEST_WAIT_MS;
    for (uint32_t i = 0; i < keeper->alarms.count; i++) {
        struct alarm *alarm = &keeper->alarms.list[i];
        if (alarm->is_settling || !alarm->has_next)
            continue;
        uint64_t left_ms = alarm->due_unix_ms > now_ms ? real_ms(keeper, alarm->due_unix_ms - now_ms) : 0;
        if (left_ms == 0)
            fire(keeper, alarm);
        else if (left_ms < wait_ms)
            wait_ms = left_ms;
    }
    if (wait_ms < LONGEST_WAIT_MS)
        timer_start(keeper->alarms.timer, wait_ms);
}
