#include "retention.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "keeper.h"
#include "output_files.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define SWEEP_EVERY_MS     60000 /* ages are met without any event */
#define SWEEP_AFTER_END_MS 5000  /* a burst of ends is one sweep */
#define BATCH_MAX          64
#define RIDE_FOR_EACH_END  2                     /* more goes than comes, and little more than comes */
#define RIDE_BUDGET_US     2000                  /* an unlink can wait for the file system's journal */
#define BUSY_MS            1000                  /* since a request waited for a commit */
#define FREE_AT_ONCE_BYTES (64ull * 1024 * 1024) /* freeing blocks takes time too */
#define COMMANDS_AT_ONCE   16                    /* that are looked at when there is nothing to remove */

/* The sweep's own steps: how many removals, for how long at most, and how long until the next. */
static const struct pace {
    int most;
    unsigned budget_us, pause_ms;
} pace_busy = { 4, RIDE_BUDGET_US, 250 }, pace_quiet = { 32, 20000, 50 };

static void on_step(evutil_socket_t fd, short what, void *arg);

int retention_init(struct keeper *keeper, struct error *err)
{
    keeper->sweep.step = evtimer_new(keeper->base, on_step, keeper);
    keeper->sweep.is_due = true;
    return keeper->sweep.step != NULL ? 0 : fail(err, ENOMEM, "prepare retention");
}

void retention_done(struct keeper *keeper)
{
    if (keeper->sweep.step != NULL)
        event_free(keeper->sweep.step);
    keeper->sweep.step = NULL;
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

/* A removal that was noted in part is not noted at all. */
static int or_spoil(struct keeper *keeper, int done, const struct error *err)
{
    if (done < 0)
        turn_spoil(keeper, err);
    return done;
}

static int remove_output(struct keeper *keeper, const struct remains *remains, struct error *err)
{
    int done = output_files_remove(keeper->state_fd, &remains->id, err);
    return done < 0 ? done : or_spoil(keeper, store_output_removed(keeper->store, &remains->id, err), err);
}

static int remove_job(struct keeper *keeper, const struct remains *remains, struct error *err)
{
    int done = remains->has_output ? output_files_remove(keeper->state_fd, &remains->id, err) : 0;
    return done < 0 ? done : or_spoil(keeper, store_job_remove(keeper->store, &remains->id, err), err);
}

bool retention_is_over(uint64_t finished_unix_ms)
{
    uint64_t now_unix_ms = clock_unix_ms();
    return now_unix_ms > finished_unix_ms && now_unix_ms - finished_unix_ms > METADATA_ONLY_MS;
}

/* After each removal: whether this batch has had its time, or has freed its blocks. */
static bool is_enough(struct keeper *keeper, uint64_t freed_bytes)
{
    struct sweep *sweep = &keeper->sweep;
    sweep->freed_bytes += freed_bytes;
    return sweep->freed_bytes > FREE_AT_ONCE_BYTES || clock_monotonic_us() > sweep->until_us;
}

/* Each returns how many it removed: `most` when there may be more. */

static int remove_unwanted(struct keeper *keeper, int most, struct error *err)
{
    struct remains found[BATCH_MAX];
    int count = store_outputs_unwanted(keeper->store, found, (uint32_t)most, err);
    for (int i = 0; i < count; i++) {
        if (!retention_is_over(found[i].finished_unix_ms)) {
            keeper->sweep.is_due = true; /* again soon */
            return i;
        }
        int done = remove_output(keeper, &found[i], err);
        if (done < 0)
            return done;
    }
    return count;
}

static int remove_records(struct keeper *keeper, const struct retention *limits, int most, struct error *err)
{
    struct remains found[BATCH_MAX];
    int count = store_jobs_oldest(keeper->store, keeper->sweep.command, before(clock_unix_ms(), limits->records_age_ms),
                                  found, (uint32_t)most, err);
    for (int i = 0; i < count; i++) {
        int done = remove_job(keeper, &found[i], err);
        if (done < 0)
            return done;
        if (is_enough(keeper, found[i].stored_bytes))
            return most;
    }
    return count;
}

static int remove_outputs(struct keeper *keeper, const struct retention *limits, int most, struct error *err)
{
    struct remains found[BATCH_MAX];
    uint64_t outputs, bytes, oldest_unix_ms = before(clock_unix_ms(), limits->age_ms);
    int done = store_outputs_total(keeper->store, keeper->sweep.command, &outputs, &bytes, err);
    int count =
        done < 0 ? done : store_outputs_oldest(keeper->store, keeper->sweep.command, found, (uint32_t)most, err);
    for (int i = 0; i < count; i++) {
        if (outputs <= limits->count && bytes <= limits->bytes && found[i].finished_unix_ms >= oldest_unix_ms)
            return i;
        done = remove_output(keeper, &found[i], err);
        if (done < 0)
            return done;
        outputs--;
        bytes -= found[i].stored_bytes;
        if (is_enough(keeper, found[i].stored_bytes))
            return most;
    }
    return count;
}

static int sweep_all(struct keeper *keeper, int most, struct error *err)
{
    uint64_t budget_bytes = keeper->rules.settings.budget_bytes, live_bytes = keeper->sweep.live_bytes;
    struct retention limits = { .age_ms = UINT64_MAX,
                                .count = UINT32_MAX,
                                .bytes = budget_bytes > live_bytes ? budget_bytes - live_bytes : 0 };
    int removed = remove_unwanted(keeper, most, err);
    if (removed < 0 || removed == most)
        return removed;
    int more = remove_outputs(keeper, &limits, most - removed, err);
    return more < 0 ? more : removed + more;
}

static int sweep_command(struct keeper *keeper, int most, struct error *err)
{
    const struct retention *limits = limits_of(keeper, keeper->sweep.command);
    int removed = remove_records(keeper, limits, most, err);
    if (removed < 0 || removed == most)
        return removed;
    int more = remove_outputs(keeper, limits, most - removed, err);
    return more < 0 ? more : removed + more;
}

/* Removes up to `most`, and goes on to the next command when nothing is left to do for one. Needs a transaction. */
static int sweep_on(struct keeper *keeper, int most, struct error *err)
{
    struct sweep *sweep = &keeper->sweep;
    for (int i = 0; i < COMMANDS_AT_ONCE && most > 0; i++) {
        int removed = sweep->command[0] == '\0' ? sweep_all(keeper, most, err) : sweep_command(keeper, most, err);
        if (removed < 0)
            return removed;
        most -= removed;
        if (most == 0)
            return 0; /* there may be more of it */
        int found = store_command_next(keeper->store, sweep->command, sweep->command, err);
        if (found < 0)
            return found;
        if (found == 0) {
            sweep->is_on = false;
            return 0;
        }
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

/* What was removed so far may be undone with the turn: then the files are gone, and the next sweep notes that again. */
static void sweep_some(struct keeper *keeper, int most, unsigned budget_us)
{
    struct error err = { 0 };
    keeper->sweep.freed_bytes = 0;
    keeper->sweep.until_us = clock_monotonic_us() + budget_us;
    int done = store_begin(keeper->store, &err);
    if (done == 0)
        done = sweep_on(keeper, most < BATCH_MAX ? most : BATCH_MAX, &err);
    if (done < 0) {
        log_warn("old output and records cannot be removed: %s; trying again in a minute", err.text);
        keeper->sweep.is_on = false;
    }
}

void retention_ride(struct keeper *keeper)
{
    unsigned ends = keeper->turn.ends;
    if (!keeper->sweep.is_on || ends == 0)
        return;
    keeper->sweep.ridden_ms = clock_monotonic_ms();
    sweep_some(keeper, ends < BATCH_MAX ? (int)ends * RIDE_FOR_EACH_END : BATCH_MAX, RIDE_BUDGET_US);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct sweep *sweep = &keeper->sweep;
    uint64_t now_ms = clock_monotonic_ms();
    const struct pace *pace = now_ms - keeper->turn.asked_ms < BUSY_MS ? &pace_busy : &pace_quiet;
    (void)fd;
    (void)what;
    if (!sweep->is_on)
        return;
    if (now_ms - sweep->ridden_ms >= pace->pause_ms) {
        turn_schedule(keeper);
        sweep_some(keeper, pace->most, pace->budget_us);
    }
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
