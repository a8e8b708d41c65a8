#include "sallyport/job/job.h"

#include <assert.h>
#include <string.h>

/* JOB_SUCCEEDED stands for all seven ends here: which one it is depends on the reason, not on the way there. */
static const enum job_state next_state[JOB_STATE_COUNT][JOB_EVENT_COUNT] = {
    [JOB_QUEUED] = { [JOB_ADMIT] = JOB_STARTING, [JOB_CANCEL] = JOB_SUCCEEDED, [JOB_EXIT] = JOB_SUCCEEDED },
    [JOB_STARTING] = { [JOB_LAUNCHED] = JOB_RUNNING,
                       [JOB_CANCEL] = JOB_STOPPING,
                       [JOB_REQUEUE] = JOB_QUEUED,
                       [JOB_EXIT] = JOB_SUCCEEDED },
    [JOB_RUNNING] = { [JOB_EXPIRE] = JOB_STOPPING, [JOB_CANCEL] = JOB_STOPPING, [JOB_EXIT] = JOB_SUCCEEDED },
    [JOB_STOPPING] = { [JOB_LAUNCHED] = JOB_STOPPING, /* a cancel can overtake the launcher's answer */
                       [JOB_EXPIRE] = JOB_STOPPING,
                       [JOB_CANCEL] = JOB_STOPPING,
                       [JOB_EXIT] = JOB_SUCCEEDED },
};

static const char *const state_texts[JOB_STATE_COUNT] = {
    [JOB_REFUSED] = "",          [JOB_QUEUED] = "queued",       [JOB_STARTING] = "starting",
    [JOB_RUNNING] = "running",   [JOB_STOPPING] = "stopping",   [JOB_SUCCEEDED] = "succeeded",
    [JOB_FAILED] = "failed",     [JOB_TIMED_OUT] = "timed_out", [JOB_CANCELLED] = "cancelled",
    [JOB_REJECTED] = "rejected", [JOB_LOST] = "lost",           [JOB_LAUNCH_FAILED] = "launch_failed",
};

static const char *const event_texts[JOB_EVENT_COUNT] = {
    [JOB_ADMIT] = "admit",   [JOB_LAUNCHED] = "launched", [JOB_EXPIRE] = "expire",
    [JOB_CANCEL] = "cancel", [JOB_REQUEUE] = "requeue",   [JOB_EXIT] = "exit",
};

static const struct {
    const char *text;
    enum job_state state; /* JOB_REFUSED: the exit code decides */
} reasons[JOB_REASON_COUNT] = {
    [JOB_REASON_NONE] = { "", JOB_REFUSED },
    [JOB_REASON_LAUNCH_FAILED] = { "launch_failed", JOB_LAUNCH_FAILED },
    [JOB_REASON_CANCELLED] = { "cancelled", JOB_CANCELLED },
    [JOB_REASON_OOM] = { "oom", JOB_FAILED },
    [JOB_REASON_TIMED_OUT] = { "timed_out", JOB_TIMED_OUT },
    [JOB_REASON_CPU_LIMIT] = { "cpu_limit", JOB_TIMED_OUT },
    [JOB_REASON_OUTPUT_LIMIT] = { "output_limit", JOB_FAILED },
    [JOB_REASON_POLICY_VIOLATION] = { "policy_violation", JOB_FAILED },
    [JOB_REASON_SIGNALLED] = { "signalled", JOB_FAILED },
    [JOB_REASON_EXITED] = { "exited", JOB_REFUSED },
    [JOB_REASON_LOST] = { "lost", JOB_LOST },
    [JOB_REASON_REJECTED] = { "rejected", JOB_REJECTED },
};

static const char *const source_texts[JOB_SOURCE_COUNT] = {
    [JOB_SOURCE_API] = "api",   [JOB_SOURCE_SCHEDULE] = "schedule", [JOB_SOURCE_CHAIN] = "chain",
    [JOB_SOURCE_STEP] = "step", [JOB_SOURCE_ROUTE] = "route",       [JOB_SOURCE_HOOK] = "hook",
};

static const char *const degrade_texts[DEGRADE_COUNT] = {
    "cgroup-memory", "cgroup-pids", "cgroup-cpu", "cgroup-io", "landlock", "job-uid",
};

static const char *const wait_texts[JOB_WAIT_COUNT] = {
    [JOB_WAIT_NONE] = "",
    [JOB_WAIT_PAUSED] = "paused",
    [JOB_WAIT_DRAINING] = "draining",
    [JOB_WAIT_LAUNCHER_DOWN] = "launcher-down",
    [JOB_WAIT_CONCURRENCY] = "concurrency",
    [JOB_WAIT_CALLER_LIMIT] = "caller-limit",
    [JOB_WAIT_SERVICE_LIMIT] = "service-limit",
    [JOB_WAIT_SLOTS] = "slots",
    [JOB_WAIT_USER_SLOTS] = "user-slots",
    [JOB_WAIT_RETRYING] = "retrying",
    [JOB_WAIT_STARTING] = "starting",
};

enum job_state job_next(enum job_state state, enum job_event event)
{
    assert(state < JOB_STATE_COUNT && event < JOB_EVENT_COUNT);
    return next_state[state][event];
}

enum job_state job_end_state(enum job_reason reason, int exit_code)
{
    assert(reason > JOB_REASON_NONE && reason < JOB_REASON_COUNT);
    if (reason == JOB_REASON_EXITED)
        return exit_code == 0 ? JOB_SUCCEEDED : JOB_FAILED;
    return reasons[reason].state;
}

bool job_has_ended(enum job_state state)
{
    return state >= JOB_SUCCEEDED;
}

const char *job_state_text(enum job_state state)
{
    return state < JOB_STATE_COUNT ? state_texts[state] : "";
}

const char *job_event_text(enum job_event event)
{
    return event < JOB_EVENT_COUNT ? event_texts[event] : "";
}

const char *job_reason_text(enum job_reason reason)
{
    return reason < JOB_REASON_COUNT ? reasons[reason].text : "";
}

const char *job_source_text(enum job_source source)
{
    return source < JOB_SOURCE_COUNT ? source_texts[source] : "";
}

const char *job_wait_text(enum job_wait wait)
{
    return wait < JOB_WAIT_COUNT ? wait_texts[wait] : "";
}

const char *job_degrade_text(unsigned bit_index)
{
    return bit_index < DEGRADE_COUNT ? degrade_texts[bit_index] : "";
}

bool job_state_parse(const char *text, enum job_state *ret_state)
{
    for (enum job_state state = JOB_QUEUED; state < JOB_STATE_COUNT; state++)
        if (strcmp(state_texts[state], text) == 0) {
            *ret_state = state;
            return true;
        }
    return false;
}
