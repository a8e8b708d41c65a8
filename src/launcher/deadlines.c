/*
 * What ends a job before it ends by itself. A slot has one timer, and what it waits for changes as the job goes on:
 *
 *   START     the cell is being built; it takes milliseconds
 *   TIMEOUT   the program runs
 *   GRACE     it was asked to end (SIGTERM)
 *   GONE      it was told to (SIGKILL to all of it), or ended by itself: nothing may be left in KILL_WAIT_MS
 */
#include "slot.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

#include <event2/event.h>

#include "launcher.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

static void expire_start(struct slot *slot)
{
    log_warn("job=%s is still being set up after %d ms; killing it", slot->run.id_text, CELL_START_WAIT_MS);
    slot->run.was_slow_to_start = true;
    run_kill(slot);
}

static void expire_timeout(struct slot *slot)
{
    slot->run.was_timed_out = true;
    run_stop(slot, slot->run.grace_ms);
}

static void expire_grace(struct slot *slot)
{
    run_kill(slot);
}

static void expire_gone(struct slot *slot)
{
    run_quarantine(slot);
}

static void (*const expire[DEADLINE_COUNT])(struct slot *slot) = {
    [DEADLINE_START] = expire_start,
    [DEADLINE_TIMEOUT] = expire_timeout,
    [DEADLINE_GRACE] = expire_grace,
    [DEADLINE_GONE] = expire_gone,
};

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct slot *slot = arg;
    enum deadline deadline = slot->deadline;
    (void)fd;
    (void)what;
    slot->deadline = DEADLINE_NONE;
    if (expire[deadline] != NULL)
        expire[deadline](slot);
}

int deadline_prepare(struct slot *slot, struct error *err)
{
    slot->timer = evtimer_new(slot->launcher->base, on_deadline, slot);
    return slot->timer == NULL ? fail(err, ENOMEM, "make the timer of slot %u", slot->number) : 0;
}

void deadline_set(struct slot *slot, enum deadline deadline, uint64_t wait_ms)
{
    struct timeval wait = { .tv_sec = (time_t)(wait_ms / 1000), .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000) };
    slot->deadline = deadline;
    if (evtimer_add(slot->timer, &wait) < 0)
        log_error("slot %u: a deadline could not be set; its job may run longer than it should", slot->number);
}

void deadline_clear(struct slot *slot)
{
    slot->deadline = DEADLINE_NONE;
    evtimer_del(slot->timer);
}

static uint64_t deadline_left_ms(const struct slot *slot)
{
    struct timeval at, now;
    if (!evtimer_pending(slot->timer, &at) || event_base_gettimeofday_cached(slot->launcher->base, &now) < 0)
        return 0;
    int64_t left_ms = (int64_t)(at.tv_sec - now.tv_sec) * 1000 + (at.tv_usec - now.tv_usec) / 1000;
    return left_ms > 0 ? (uint64_t)left_ms : 0;
}

void run_stop(struct slot *slot, uint32_t grace_ms)
{
    if (slot->run.has_ended || slot->deadline == DEADLINE_GONE || slot->state == SLOT_QUARANTINE)
        return; /* it is as good as over */
    if (slot->state == SLOT_STOPPING) {
        /* A second wish may only be less patient than the first. */
        if (grace_ms < deadline_left_ms(slot))
            deadline_set(slot, DEADLINE_GRACE, grace_ms);
        return;
    }
    slot_set_state(slot, SLOT_STOPPING);
    deadline_set(slot, DEADLINE_GRACE, grace_ms);
    supervisor_signal(slot, SIGTERM);
}

void run_kill(struct slot *slot)
{
    struct run *run = &slot->run;
    struct error err = { 0 };
    if (slot->state == SLOT_QUARANTINE)
        return; /* done before, to no avail */
    run->was_killed = run->was_killed || !run->has_ended;
    deadline_set(slot, DEADLINE_GONE, KILL_WAIT_MS);
    /* Two ways, because each covers the other's gap: a host without control groups, a supervisor that hangs. */
    if (run->has_cgroup && cgroup_kill(&run->cgroup, &err) < 0)
        log_error("job=%s: %s; trying through its supervisor", run->id_text, err.text);
    supervisor_kill_job(slot);
    if (run->has_cgroup && cgroup_lift_disks(&run->cgroup, &err) < 0)
        log_warn("job=%s: %s; it ends when the disk has done what it asked for", run->id_text, err.text);
}
