/*
 * How a job stands or ended, read from the API's job object; what that means for our exit code; and the one sentence that
 * explains it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "sallyport/job/job.h"
#include "sallyport/limits.h"

struct report {
    char id[32];
    char command[NAME_MAX_BYTES];
    enum job_state state; /* JOB_REFUSED: not told */
    enum job_reason reason;
    int exit_code, signal; /* 0: not told */
    char message[ERROR_TEXT_MAX_BYTES];
    char stopped_by[NAME_MAX_BYTES];
    double seconds; /* from its start to its end; below 0: it never started */
};

/* From a job object, or from the end record of a stream, which names no command. False if it is neither. */
bool report_read(const json_t *job, struct report *ret_report);

bool report_has_ended(const struct report *report);

/*
 * The exit code of API "Exit codes": the job's own; 128 + n when a signal ended it (out of memory, over its output limit,
 * against its profile included); 124 timed out; 130 cancelled; 126 not launched; 125 lost or rejected. is_strict: 0 or 1.
 */
int report_code(const struct report *report, bool is_strict);

/* "deploy-web failed: exit 3 after 42s (job 01jd...)" */
const char *report_sentence(const struct report *report, char text[1024]);

/* The number of "TERM", "SIGTERM" or "15"; 0 if there is none. */
int signal_number(const char *text);
