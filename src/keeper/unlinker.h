/*
 * A thread that does nothing but unlink the output of jobs, one after the other. An unlink can wait for the disk (where freed
 * blocks are discarded at once, for milliseconds), and the loop would wait with it. The two share two pipes and no memory:
 * orders go one way, results come the other, in the same order.
 *
 * It is made when the keeper is in its own root and holds nothing any more, and before the filter that allows no new thread,
 * which it then takes itself.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

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
    bool is_there;
    int orders_fd, results_fd; /* results_fd is readable when there are some */
    pthread_t thread;
};

/*
 *   confine  what the thread does to itself before its first order, with `arg`; NULL in tests
 *
 * Returns when that is done, or has failed.
 */
int unlinker_start(int state_fd, int (*confine)(const void *arg, struct error *err), const void *arg,
                   struct unlinker *ret_unlinker, struct error *err);

/* Waits for what was ordered. */
void unlinker_stop(struct unlinker *unlinker);

/* False when it has too much to do already. */
bool unlinker_order(const struct unlinker *unlinker, const struct unlink_order *order);

/* False when there is none at the moment. */
bool unlinker_result(const struct unlinker *unlinker, struct unlink_result *ret_result);
