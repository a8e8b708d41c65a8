/*
 * A job's processor time, of all of its processes together. The kernel counts it in the job's control group, whichever of them
 * used it and whether they live, and has no event for it: so it is looked at when the job could have used up the rest on
 * all processors at the earliest. Where there is no group, each process has RLIMIT_CPU (cell/rlimits.c), and the job agreed to that
 * with `degrade: [cgroup-cpu]`.
 */
#include "slot.h"

#include <errno.h>
#include <unistd.h>

#include <event2/event.h>

#include "launcher.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define LOOK_LEAST_US 5000
#define LOOK_MOST_US  1000000 /* a host may get more processors */

static void on_look(evutil_socket_t fd, short what, void *arg);

int cpu_time_prepare(struct slot *slot, struct error *err)
{
    slot->cpu_timer = evtimer_new(slot->launcher->base, on_look, slot);
    return slot->cpu_timer == NULL ? fail(err, ENOMEM, "make the timer of slot %u", slot->number) : 0;
}

/* When it could be used up at the earliest. */
static uint64_t look_after_us(uint64_t left_us)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t us = left_us / (uint64_t)(processors > 0 ? processors : 1);
    return us < LOOK_LEAST_US ? LOOK_LEAST_US : us > LOOK_MOST_US ? LOOK_MOST_US : us;
}

void cpu_time_look(struct slot *slot)
{
    struct run *run = &slot->run;
    struct cgroup_usage usage;
    uint64_t most_us = (uint64_t)run->cpu_time_ms * 1000;
    if (run->cpu_time_ms == 0 || !run->has_cgroup || run->has_ended || run->was_killed)
        return;
    cgroup_read_usage(&run->cgroup, &usage);
    uint64_t used_us = usage.user_us + usage.system_us;
    if (used_us >= most_us) {
        run->was_cpu_limited = true;
        run_kill(slot); /* without a grace, which would be more of what it may not have */
        return;
    }
    uint64_t us = look_after_us(most_us - used_us);
    struct timeval wait = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };
    if (evtimer_add(slot->cpu_timer, &wait) < 0)
        log_error("slot %u: processor time is not looked at; its job may use more than it should", slot->number);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    cpu_time_look(arg);
}

void cpu_time_clear(struct slot *slot)
{
    evtimer_del(slot->cpu_timer);
}
