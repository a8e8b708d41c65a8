/*
 * Follows a job: its stdout to ours, its stderr to ours, to the byte; through lost connections, until its end or until
 * somebody detaches. Used by run, attach and logs -f.
 *
 * The stream is NDJSON, because only that tells both streams apart and says how the job ended. The server's log is the
 * truth and every record carries its offset, so a new connection goes on where the last one stopped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "interrupt.h"
#include "report.h"

struct cli;
struct request;
struct error;

struct follow_options {
    struct interrupt_rule interrupt;
    uint64_t reconnect_ms;  /* how long to try after a lost connection */
    uint64_t give_up_ms;    /* monotonic: then detach (run --wait); 0 for never */
    uint64_t since_unix_ms; /* earlier output is passed over; 0 for all */
    uint64_t tail;          /* begin with the last so many lines; 0 for all */
    bool announces;         /* the job's id on stderr first */
    int (*on_known)(void *arg,
                    const char *id); /* once, when the job's id is known; nonzero leaves off with that code. Or NULL */
    void *arg;
    bool once; /* not for more to come: what is there now (logs without -f) */
};

/*
 * Follows the job `id`; or sends `submit`, which must ask for NDJSON, and follows the job that comes of it (id NULL). Its
 * Idempotency-Key makes trying again safe; without one a lost answer is an error.
 *
 * Returns 0 with the end's report (`once`: with a report whose state is JOB_REFUSED if the job goes on), or the exit code
 * after it has said why: CODE_TROUBLE, or 128 + n when a signal made us detach.
 */
int follow_job(struct cli *cli, const struct follow_options *options, const char *id, const struct request *submit,
               struct report *ret_report);

/* Says how the job ended, if not well, and gives the exit code. */
int follow_verdict(const struct cli *cli, const struct report *report);
