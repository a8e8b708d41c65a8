/*
 * The life of a job: states, events, reasons and one transition table. No I/O, no memory, no clock.
 *
 * States say what it means, reasons say what happened (README, "How a job ends").
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum job_state {
    JOB_REFUSED, /* not a state: the answer of job_next() to an event that may not happen */
    JOB_QUEUED,
    JOB_STARTING,
    JOB_RUNNING,
    JOB_STOPPING,
    JOB_SUCCEEDED, /* from here on: ended, nothing follows */
    JOB_FAILED,
    JOB_TIMED_OUT,
    JOB_CANCELLED,
    JOB_REJECTED,
    JOB_LOST,
    JOB_LAUNCH_FAILED,
    JOB_STATE_COUNT,
};

enum job_event {
    JOB_ADMIT,    /* the keeper orders the launch */
    JOB_LAUNCHED, /* the program runs */
    JOB_EXPIRE,   /* the wall clock is up */
    JOB_CANCEL,   /* somebody with the right asked, or the service stops */
    JOB_REQUEUE,  /* the launcher refused an order for its age */
    JOB_EXIT,     /* everything of it is gone */
    JOB_EVENT_COUNT,
};

/* What happened, by evidence. The order is the precedence in which evidence is weighed. */
enum job_reason {
    JOB_REASON_NONE,
    JOB_REASON_LAUNCH_FAILED,
    JOB_REASON_CANCELLED,
    JOB_REASON_OOM,
    JOB_REASON_TIMED_OUT,
    JOB_REASON_CPU_LIMIT,
    JOB_REASON_OUTPUT_LIMIT,
    JOB_REASON_POLICY_VIOLATION,
    JOB_REASON_SIGNALLED,
    JOB_REASON_EXITED,
    JOB_REASON_LOST,
    JOB_REASON_REJECTED,
    JOB_REASON_COUNT,
};

/* How it came to be asked for. */
enum job_source {
    JOB_SOURCE_API,      /* a caller's request */
    JOB_SOURCE_SCHEDULE, /* its time had come */
    JOB_SOURCE_CHAIN,    /* another job ended: `then`, `on_failure`, `always` */
    JOB_SOURCE_STEP,     /* it is a step of a sequence */
    JOB_SOURCE_ROUTE,    /* a caller asked for the path of a function */
    JOB_SOURCE_HOOK,     /* a webhook was delivered */
    JOB_SOURCE_COUNT,
};

/* Why a job waits: what must change first, and nothing else may be told before it. */
enum job_wait {
    JOB_WAIT_NONE,          /* it does not */
    JOB_WAIT_PAUSED,        /* its command is paused */
    JOB_WAIT_DRAINING,      /* the service is stopping, or drained */
    JOB_WAIT_LAUNCHER_DOWN, /* there is no launcher at the moment */
    JOB_WAIT_CONCURRENCY,   /* as many jobs of its key run as may, or one before it must start first */
    JOB_WAIT_CALLER_LIMIT,  /* its caller has as many running as it may */
    JOB_WAIT_SERVICE_LIMIT, /* all callers together have */
    JOB_WAIT_SLOTS,         /* no slot is free, */
    JOB_WAIT_USER_SLOTS,    /* or none of the user that its command names */
    JOB_WAIT_RETRYING,      /* launcher or disk could not take a job; tried again in a moment */
    JOB_WAIT_STARTING,      /* for nothing: it starts now, or when its standard input was read */
    JOB_WAIT_COUNT,
};

/* limits that a job met without being ended by them: bits of limits_hit */
enum job_limit { JOB_LIMIT_PIDS = 1, JOB_LIMIT_DISK = 2, JOB_LIMIT_CPU = 4 };
#define JOB_LIMIT_COUNT 3

/* Features whose absence an owner may accept with `degrade:`: bits of a set. Documented in API terms by degrade_text(). */
enum degrade {
    DEGRADE_CGROUP_MEMORY = 1,
    DEGRADE_CGROUP_PIDS = 2,
    DEGRADE_CGROUP_CPU = 4,
    DEGRADE_CGROUP_IO = 8,
    DEGRADE_LANDLOCK = 16,
    DEGRADE_JOB_UID = 32,
};
#define DEGRADE_COUNT 6
#define DEGRADE_ALL   63u

/* The end state for a job that stands in `state`; ended states are not told apart here: JOB_EXIT leads to JOB_SUCCEEDED
 * in the table and job_end_state() gives the one that the reason means. */
enum job_state job_next(enum job_state state, enum job_event event);
enum job_state job_end_state(enum job_reason reason, int exit_code);

bool job_has_ended(enum job_state state);

/* The spellings of the API: "timed_out", "policy_violation", "cgroup-memory". "" for what is out of range. */
const char *job_state_text(enum job_state state);
const char *job_event_text(enum job_event event);
const char *job_reason_text(enum job_reason reason);
const char *job_source_text(enum job_source source);
const char *job_wait_text(enum job_wait wait);
const char *job_degrade_text(unsigned bit_index);
bool job_state_parse(const char *text, enum job_state *ret_state);
