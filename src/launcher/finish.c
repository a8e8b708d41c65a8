/*
 * A job's end: its evidence is collected once, when nothing of it is left, and told to the keeper until that has seen it.
 *
 *   run_check_gone     called by all that may have been the last: the supervisor's word, the empty control group
 *   run_quarantine     called when the wait for that was too long
 */
#include "slot.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "ended.h"
#include "launcher.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

static void on_emptied(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_check_gone(arg);
}

int run_watch_cgroup(struct slot *slot, struct error *err)
{
    /* The kernel says POLLPRI at a change of cgroup.events and "readable" always; edges of the latter come with the former. */
    slot->emptied =
        event_new(slot->launcher->base, slot->run.cgroup.events, EV_READ | EV_ET | EV_PERSIST, on_emptied, slot);
    if (slot->emptied == NULL || event_add(slot->emptied, NULL) < 0)
        return fail(err, ENOMEM, "watch the control group");
    return 0;
}

static struct end_evidence run_evidence(const struct slot *slot, const struct cgroup_usage *usage, bool is_left)
{
    const struct run *run = &slot->run;
    const struct cell_ended *ended = &run->ended;
    bool is_slow = run->was_slow_to_start && ended->step[0] == '\0';
    return (struct end_evidence){
        .has_started = run->has_started,
        .is_lost = !run->has_ended,
        .step = is_slow ? "start" : ended->step,
        .code = is_slow ? ETIMEDOUT : ended->code,
        .detail = ended->detail,
        .was_cancelled = run->was_cancelled,
        .was_timed_out = run->was_timed_out,
        .was_cpu_limited = run->was_cpu_limited,
        .cpu_time_ms = run->cpu_time_ms,
        .cpu_us = usage->has_cpu ? usage->user_us + usage->system_us : ended->user_us + ended->system_us,
        .was_output_limited = run->was_output_limited,
        .was_killed = run->was_killed,
        .is_left = is_left,
        .oom_kills = usage->oom_kills,
        .has_status = ended->has_status,
        .exit_code = ended->exit_code,
        .signal = ended->signal,
        .memory_max_bytes = run->memory_max_bytes,
        .timeout_ms = run->timeout_ms,
        .grace_ms = run->grace_ms,
        .profile = run->profile,
    };
}

static void run_report(struct slot *slot, bool is_left)
{
    struct run *run = &slot->run;
    struct cgroup_usage usage = { 0 };
    if (run->has_cgroup)
        cgroup_read_usage(&run->cgroup, &usage);
    struct end_evidence evidence = run_evidence(slot, &usage, is_left);
    struct msg_exited *exited = &run->exited;
    *exited = (struct msg_exited){
        .job_id = run->job_id,
        .reason = (uint8_t)ended_reason(&evidence),
        .exit_code = evidence.has_status && evidence.signal == 0 ? evidence.exit_code : 0,
        .signal = evidence.has_status ? evidence.signal : 0,
        .limits_hit = usage.pids_refused > 0 ? JOB_LIMIT_PIDS : 0,
        .degraded = run->degraded,
        .finished_unix_ms = clock_unix_ms(),
        .wall_us = run->has_started ? clock_monotonic_us() - run->started_us : 0,
        .user_us = usage.has_cpu ? usage.user_us : run->ended.user_us,
        .system_us = usage.has_cpu ? usage.system_us : run->ended.system_us,
        .memory_peak_bytes = usage.memory_peak_bytes > 0 ? usage.memory_peak_bytes : run->ended.memory_peak_bytes,
    };
    if (exited->reason == JOB_REASON_LAUNCH_FAILED)
        text_copy(exited->step, sizeof exited->step, evidence.step[0] != '\0' ? evidence.step : "start");
    ended_explain(&evidence, (enum job_reason)exited->reason, exited->message);
    run->is_reported = true;
}

/* False while the group is there: then something in it is not over yet, whatever the files say. */
static bool run_drop_cgroup(struct slot *slot)
{
    struct run *run = &slot->run;
    struct error err = { 0 };
    if (!run->has_cgroup)
        return true;
    int done = cgroup_remove(slot->launcher->cgroup_fd, run->id_text, &err);
    if (done == -EBUSY)
        return false;
    if (done < 0)
        log_warn("job=%s: %s; it stays behind, empty", run->id_text, err.text);
    event_free(slot->emptied);
    slot->emptied = NULL;
    cgroup_close(&run->cgroup);
    run->has_cgroup = false;
    return true;
}

void run_check_gone(struct slot *slot)
{
    struct run *run = &slot->run;
    if (!slot_has_run(slot) || slot->state == SLOT_ENDED)
        return;
    if (!run->has_ended && slot->socket >= 0)
        return;
    if (run->has_cgroup && cgroup_is_populated(&run->cgroup))
        return;
    bool was_reported = run->is_reported;
    if (!was_reported)
        run_report(slot, false);
    if (!run_drop_cgroup(slot)) {
        run->is_reported = was_reported; /* the deadline runs on, or the slot stays in quarantine */
        return;
    }
    deadline_clear(slot);
    cpu_time_clear(slot);
    slot_set_state(slot, SLOT_ENDED);
    if (was_reported)
        log_warn("job=%s is gone at last; slot %u can be used again", run->id_text, slot->number);
    else
        tell_exited(slot->launcher, &run->exited);
    if (run->is_seen)
        slot_release(slot);
}

void run_quarantine(struct slot *slot)
{
    struct run *run = &slot->run;
    run_check_gone(slot); /* the last look: an edge that came in the same turn of the loop */
    if (!slot_has_run(slot) || slot->state == SLOT_ENDED)
        return;
    run_report(slot, true);
    slot_set_state(slot, SLOT_QUARANTINE);
    log_error("job=%s is not gone %d ms after SIGKILL; slot %u is set aside until it is", run->id_text, KILL_WAIT_MS,
              slot->number);
    tell_exited(slot->launcher, &run->exited);
}
