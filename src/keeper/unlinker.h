/*
 * A thread (worker.h) that does nothing but unlink the output of jobs, one after the other. An unlink can wait for the disk
 * (where freed blocks are discarded at once, for milliseconds), and the loop would wait with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker.h"
#include "sallyport/base/job_id.h"

struct error;

struct unlink_order {
    struct job_id job_id;
    uint32_t batch; /* comes back with the result */
};

struct unlink_result {
    struct unlink_order order;
    int32_t code; /* errno, or 0: its files are gone */
};

struct unlinker {
    struct worker worker;
};

/* As worker_start() and what follows it. */
int unlinker_start(int state_fd, int (*confine)(const void *arg, struct error *err), const void *arg,
                   struct unlinker *ret_unlinker, struct error *err);
void unlinker_stop(struct unlinker *unlinker);
bool unlinker_order(const struct unlinker *unlinker, const struct unlink_order *order);
bool unlinker_result(const struct unlinker *unlinker, struct unlink_result *ret_result);
