/*
 * Gives a job what comes on a descriptor (`stdin: stream`), as it comes: each piece with its offset, so that after a lost answer the
 * same piece is sent again and taken once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cli;
struct error;

struct feed_options {
    const char *job_id;
    int fd;
    bool is_open_ended;    /* the end of the descriptor is not the end of the job's input */
    uint64_t reconnect_ms; /* how long to try after a lost connection */
};

/* Until the end of the descriptor, or of the job's input. -errno with a sentence when it was not taken whole. */
int feed_run(struct cli *cli, const struct feed_options *options, struct error *err);

/*
 * The same in a process of its own, beside whoever follows the job's output. It says itself what went wrong, and ends with us at
 * the latest. -errno if there is none.
 */
int feed_begin(struct cli *cli, const struct feed_options *options, pid_t *ret_pid, struct error *err);
void feed_end(pid_t pid); /* the job has ended, whether it wanted more or not */
