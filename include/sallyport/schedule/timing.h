/*
 * When the runs of a schedule start: its jitter, and what happens to runs that nobody could start in time. Pure arithmetic; who
 * keeps the records passes what it remembers.
 *
 * A run is known by its nominal time, and its due time is that plus a delay that the jitter allows. The delay follows from the
 * schedule's name and the nominal time alone: it is the same after a restart, so a run is started once or made up for,
 * and never twice or at another time.
 */
#pragma once

#include <stdint.h>

#include "sallyport/schedule/schedule.h"

struct zone;

/* What becomes of runs that fell into a time in which the service was stopped. */
enum missed_policy {
    MISSED_SKIP,     /* they are left out */
    MISSED_RUN_ONCE, /* the latest of them runs, late */
    MISSED_RUN_ALL,  /* all of them run, late, the oldest first; of more than MISSED_RUN_MAX only the latest */
    MISSED_POLICY_COUNT
};

#define MISSED_RUN_MAX   100   /* of one schedule: more at once would only fill the queue */
#define MISSED_COUNT_MAX 1000  /* so far they are counted */
#define MISSED_LATE_MS   60000 /* a restart takes seconds: who comes no later than this was not missed, but is late */

#define JITTER_MAX_MS (24u * 3600 * 1000)

struct timing {
    const char *name; /* of the schedule */
    struct schedule schedule;
    const struct zone *zone;
    uint32_t jitter_ms; /* at most schedule_apart_ms(), so that runs start in order */
    enum missed_policy missed;
};

/* When the run of this nominal time starts: less than jitter_ms after it. */
uint64_t timing_due_unix_ms(const struct timing *timing, uint64_t nominal_unix_ms);

/* The work after a pause. */
struct catch_up {
    uint64_t run_unix_ms[MISSED_RUN_MAX]; /* nominal times of runs to start now, the oldest first */
    uint32_t run_count;
    uint32_t count; /* of all whose due time has passed, run or not; MISSED_COUNT_MAX stands for so many or more */
    uint64_t seen_unix_ms; /* the latest nominal time that is settled with this: what to remember */
};

/*
 * What came in a time in which nobody looked: runs with a nominal time after seen_unix_ms whose due time is not after
 * now_unix_ms. A run whose nominal time has passed and whose due time has not is not missed: schedule_next() of
 * ret->seen_unix_ms is its time. Whatever the policy, the latest run is started when its due time is at most MISSED_LATE_MS
 * ago. When the clock was set back behind seen_unix_ms there is nothing to do, and seen_unix_ms stays.
 */
void timing_catch_up(const struct timing *timing, uint64_t seen_unix_ms, uint64_t now_unix_ms, struct catch_up *ret);
