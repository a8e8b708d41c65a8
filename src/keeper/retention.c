#include "retention.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "keeper.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define SWEEP_EVERY_MS     60000 /* ages are met without any event */
#define SWEEP_AFTER_END_MS 5000  /* a burst of ends is one sweep */
#define DUE_FOR_EACH_END   1     /* as much goes as comes, and with the time a little more */
#define NOTES_AT_ONCE      16    /* in a commit that others wait for: together they touch hardly more pages than one */
#define BUSY_MS            1000  /* since a request waited for a commit */
#define COMMANDS_AT_ONCE   16    /* that are looked at when there is nothing to remove */

/* The sweep's own steps: how many removals more are due with each, and how long until the next. */
static const struct pace {
    unsigned most, pause_ms;
} pace_busy = { 8, 250 }, pace_quiet = { 32, 50 };

static void on_step(evutil_socket_t fd, short what, void *arg);     /* removals become due and are ordered, */
static void on_unlinked(evutil_socket_t fd, short what, void *arg); /* and their files are gone */

int retention_init(struct keeper *keeper, struct error *err)
{
    struct sweep *sweep = &keeper->sweep;
    sweep->step = evtimer_new(keeper->base, on_step, keeper);
    sweep->unlinked =
        event_new(keeper->base, keeper->unlinker.worker.results_fd, EV_READ | EV_PERSIST, on_unlinked, keeper);
    sweep->is_due = true;
    if (sweep->step == NULL || sweep->unlinked == NULL || event_add(sweep->unlinked, NULL) < 0)
        return fail(err, ENOMEM, "prepare retention");
    return 0;
}

void retention_done(struct keeper *keeper)
{
    struct event *events[] = { keeper->sweep.step, keeper->sweep.unlinked };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    keeper->sweep.step = keeper->sweep.unlinked = NULL;
}

/* --- is there room ----------------------------------------------------------------------------------------------------- */

static void look_at_disk(struct keeper *keeper)
{
    struct statvfs disk;
    uint64_t wanted = keeper->rules.settings.free_min_bytes;
    if (fstatvfs(keeper->state_fd, &disk) < 0)
        return;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    bool is_low = free_bytes < wanted;
    keeper->sweep.disk_free_bytes = free_bytes;
    if (is_low != keeper->sweep.is_disk_low && is_low)
        log_warn("%llu MiB are free for the state directory, and store.free_min is %llu MiB: new jobs are refused",
                 (unsigned long long)(free_bytes >> 20), (unsigned long long)(wanted >> 20));
    else if (is_low != keeper->sweep.is_disk_low)
        log_info("there is room on the disk again; new jobs are accepted");
    keeper->sweep.is_disk_low = is_low;
}

static void look_at_budget(struct keeper *keeper)
{
    struct sweep *sweep = &keeper->sweep;
    struct error err = { 0 };
    uint64_t outputs, bytes;
    if (store_outputs_total(keeper->store, "", &outputs, &bytes, &err) < 0)
        return; /* whoever needs the database says what is wrong with it */
    sweep->kept_bytes = bytes;
    bool is_over = bytes + sweep->live_bytes > keeper->rules.settings.budget_bytes;
    if (is_over && !sweep->is_over_budget)
        log_info("output takes more than store.budget; the oldest of ended jobs is removed");
    sweep->is_over_budget = is_over;
    sweep->is_due |= is_over;
}

uint64_t retention_stored_bytes(const struct keeper *keeper)
{
    struct error err = { 0 };
    uint64_t outputs, kept_bytes = keeper->sweep.kept_bytes; /* which stands when the database says nothing */
    (void)store_outputs_total(keeper->store, "", &outputs, &kept_bytes, &err);
    return kept_bytes + keeper->sweep.live_bytes;
}

const char *retention_refusal(const struct keeper *keeper)
{
    if (keeper->sweep.is_disk_low)
        return "the disk has less free space than store.free_min asks for; try again later";
    if (keeper->sweep.live_bytes >= keeper->rules.settings.budget_bytes)
        return "the output of running jobs alone fills store.budget; try again later";
    return NULL;
}

/* --- the sweep ------------------------------------------------------------------------------------------------------- */

/* Of a command that is not listed any more, as `defaults` says. */
static const struct retention *limits_of(const struct keeper *keeper, const char *command)
{
    int index = policy_find_command(keeper->rules.policy, command);
    return index >= 0 ? &keeper->rules.policy->commands[index].retention : &keeper->rules.settings.retention;
}

static uint64_t before(uint64_t now_unix_ms, uint64_t age_ms)
{
    return now_unix_ms > age_ms ? now_unix_ms - age_ms : 0;
}

bool retention_is_over(uint64_t finished_unix_ms)
{
    uint64_t now_unix_ms = clock_unix_ms();
    return now_unix_ms > finished_unix_ms && now_unix_ms - finished_unix_ms > METADATA_ONLY_MS;
}

/* Each returns how many it chose; 0 when nothing is left to do. */

static int choose_unwanted(struct keeper *keeper, struct error *err)
{
    struct remains found[REMOVALS_MAX];
    int count = store_outputs_unwanted(keeper->store, found, REMOVALS_MAX, err);
    for (int i = 0; i < count; i++) {
        if (!retention_is_over(found[i].finished_unix_ms)) {
            keeper->sweep.is_due = true; /* again soon */
            return i;
        }
        removals_add(&keeper->removals, &found[i], false);
    }
    return count;
}

static int choose_records(struct keeper *keeper, const struct retention *limits, struct error *err)
{
    struct remains found[REMOVALS_MAX];
    int count = store_jobs_oldest(keeper->store, keeper->sweep.command, before(clock_unix_ms(), limits->records_age_ms),
                                  found, REMOVALS_MAX, err);
    for (int i = 0; i < count; i++)
        removals_add(&keeper->removals, &found[i], true);
    return count;
}

static int choose_outputs(struct keeper *keeper, const struct retention *limits, struct error *err)
{
    struct remains found[REMOVALS_MAX];
    uint64_t outputs, bytes, oldest_unix_ms = before(clock_unix_ms(), limits->age_ms);
    int done = store_outputs_total(keeper->store, keeper->sweep.command, &outputs, &bytes, err);
    int count = done < 0 ? done : store_outputs_oldest(keeper->store, keeper->sweep.command, found, REMOVALS_MAX, err);
    for (int i = 0; i < count; i++) {
        if (outputs <= limits->count && bytes <= limits->bytes && found[i].finished_unix_ms >= oldest_unix_ms)
            return i;
        removals_add(&keeper->removals, &found[i], false);
        outputs--;
        bytes -= found[i].stored_bytes;
    }
    return count;
}

static int choose_of_all(struct keeper *keeper, struct error *err)
{
    uint64_t budget_bytes = keeper->rules.settings.budget_bytes, live_bytes = keeper->sweep.live_bytes;
    struct retention limits = { .age_ms = UINT64_MAX,
                                .count = UINT32_MAX,
                                .bytes = budget_bytes > live_bytes ? budget_bytes - live_bytes : 0 };
    int chosen = choose_unwanted(keeper, err);
    return chosen != 0 ? chosen : choose_outputs(keeper, &limits, err);
}

static int choose_of_command(struct keeper *keeper, struct error *err)
{
    const struct retention *limits = limits_of(keeper, keeper->sweep.command);
    int chosen = choose_records(keeper, limits, err);
    return chosen != 0 ? chosen : choose_outputs(keeper, limits, err);
}

/* Chooses, and goes on to the next command when nothing is left to do for one. */
static int choose(struct keeper *keeper, struct error *err)
{
    struct sweep *sweep = &keeper->sweep;
    for (int i = 0; i < COMMANDS_AT_ONCE; i++) {
        int chosen = sweep->command[0] == '\0' ? choose_of_all(keeper, err) : choose_of_command(keeper, err);
        if (chosen != 0)
            return chosen; /* there may be more of it */
        int found = store_command_next(keeper->store, sweep->command, sweep->command, err);
        if (found <= 0) {
            sweep->is_on = false;
            return found;
        }
    }
    return 0;
}

static void sweep_stop(struct keeper *keeper, const struct error *err)
{
    log_warn("old output and records cannot be removed: %s; trying again in a minute", err->text);
    keeper->sweep.is_on = false;
    removals_forget(&keeper->removals);
}

static void owe(struct keeper *keeper, unsigned more)
{
    keeper->sweep.due = keeper->sweep.due + more < REMOVALS_MAX ? keeper->sweep.due + more : REMOVALS_MAX;
}

/* Orders what is due, and chooses more when all that was chosen before is noted. */
static int order_some(struct keeper *keeper, struct error *err)
{
    struct sweep *sweep = &keeper->sweep;
    while (sweep->due > 0) {
        if (removals_order(keeper)) {
            sweep->due--;
            continue;
        }
        int chosen = sweep->is_on && removals_are_done(&keeper->removals) ? choose(keeper, err) : 0;
        if (chosen <= 0)
            return chosen;
    }
    return 0;
}

static void sweep_begin(struct keeper *keeper)
{
    struct sweep *sweep = &keeper->sweep;
    sweep->is_on = true;
    sweep->is_due = false;
    sweep->command[0] = '\0';
    sweep->begun_ms = clock_monotonic_ms();
    timer_start(sweep->step, pace_quiet.pause_ms);
}

static bool is_at_work(const struct keeper *keeper)
{
    return keeper->sweep.is_on || !removals_are_done(&keeper->removals);
}

void retention_before_commit(struct keeper *keeper)
{
    struct error err = { 0 };
    const struct removals *removals = &keeper->removals;
    unsigned ready = removals->unlinked - removals->noted;
    if (ready < NOTES_AT_ONCE && (ready == 0 || removals->unlinked < removals->count))
        return;
    int done = store_begin(keeper->store, &err);
    if (done == 0)
        done = removals_note(keeper, NOTES_AT_ONCE, &err);
    if (done < 0)
        sweep_stop(keeper, &err);
}

void retention_undone(struct keeper *keeper)
{
    keeper->sweep.is_on = false;
    removals_forget(&keeper->removals);
}

void retention_after_turn(struct keeper *keeper, unsigned ends)
{
    struct error err = { 0 };
    if (!is_at_work(keeper) || ends == 0)
        return;
    owe(keeper, ends * DUE_FOR_EACH_END);
    if (order_some(keeper, &err) < 0)
        sweep_stop(keeper, &err);
}

static void on_unlinked(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct error err = { 0 };
    (void)fd;
    (void)what;
    if (removals_hear(keeper, &err) < 0)
        sweep_stop(keeper, &err);
}

/* In quiet times nobody else makes the commit that notes what has gone. */
static int note_all(struct keeper *keeper, struct error *err)
{
    if (keeper->removals.noted == keeper->removals.unlinked)
        return 0;
    int done = turn_write(keeper, err);
    return done < 0 ? done : removals_note(keeper, REMOVALS_MAX, err);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct sweep *sweep = &keeper->sweep;
    struct error err = { 0 };
    bool is_busy = clock_monotonic_ms() - keeper->turn.asked_ms < BUSY_MS;
    const struct pace *pace = is_busy ? &pace_busy : &pace_quiet;
    (void)fd;
    (void)what;
    if (!is_at_work(keeper))
        return;
    owe(keeper, pace->most);
    int done = is_busy ? 0 : note_all(keeper, &err);
    if (done == 0)
        done = order_some(keeper, &err);
    if (done < 0)
        sweep_stop(keeper, &err);
    timer_start(sweep->step, pace->pause_ms);
}

void retention_tick(struct keeper *keeper)
{
    struct sweep *sweep = &keeper->sweep;
    look_at_disk(keeper);
    look_at_budget(keeper);
    uint64_t since_ms = clock_monotonic_ms() - sweep->begun_ms;
    if (!sweep->is_on && (since_ms >= SWEEP_EVERY_MS || (sweep->is_due && since_ms >= SWEEP_AFTER_END_MS)))
        sweep_begin(keeper);
}
