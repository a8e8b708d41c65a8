/*
 * Evidence about a job's end becomes a reason, in a fixed order: what is said first wins. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/job/job.h"
#include "sallyport/limits.h"

struct end_evidence {
    bool has_started; /* the program was executed */
    bool is_lost;     /* the supervisor died: what it knew is not known */
    const char *step; /* the step that could not be done, "" for none; code and detail belong to it */
    uint32_t code;
    const char *detail;
    bool was_cancelled, was_timed_out, was_cpu_limited, was_output_limited; /* why we stopped it */
    bool was_killed;                                                        /* TERM was not enough */
    bool is_left;                                                           /* something of it could not be killed */
    uint64_t oom_kills;
    bool has_status; /* the program's own end is known: */
    uint32_t exit_code, signal;
    uint64_t memory_max_bytes;
    uint32_t timeout_ms, grace_ms, cpu_time_ms; /* cpu_time_ms: 0 for no limit */
    uint64_t cpu_us;
    const char *profile; /* the seccomp profile it ran under */
};

enum job_reason ended_reason(const struct end_evidence *evidence);

/* What happened and what to do about it; "" for a job that exited with 0. */
void ended_explain(const struct end_evidence *evidence, enum job_reason reason, char text[ERROR_TEXT_MAX_BYTES]);
