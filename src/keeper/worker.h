/*
 * A thread that does one kind of work, one order after the other, which would keep the loop waiting: unlinker.h and verifier.h
 * are the two. It shares two pipes with the loop, and no memory: orders go one way, results come the other, in the same order.
 *
 * It is made when the keeper is in its own root and holds nothing any more, and before the filter that allows no new thread,
 * which it then takes itself.
 */
#pragma once

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* What is not larger is written to a pipe, and read from it, in one piece. */
#define WORKER_BYTES_MAX PIPE_BUF

struct worker_kind {
    const char *name; /* for errors */
    size_t order_bytes, result_bytes;
    int (*prepare)(struct error *err);                    /* before it is confined; or NULL */
    void (*run)(int fd, const void *order, void *result); /* the order is wiped afterwards */
};

struct worker {
    bool is_there;
    const struct worker_kind *kind;
    int orders_fd, results_fd; /* results_fd is readable when there are some */
    pthread_t thread;
};

/*
 *   kind     lasts for ever
 *   fd       it works with a duplicate of it; or -1
 *   confine  what the thread does to itself before its first order, with `arg`; NULL in tests
 *
 * Returns when that is done, or has failed.
 */
int worker_start(const struct worker_kind *kind, int fd, int (*confine)(const void *arg, struct error *err),
                 const void *arg, struct worker *ret_worker, struct error *err);

/* Waits for what was ordered. */
void worker_stop(struct worker *worker);

/* False when it has too much to do already. */
bool worker_order(const struct worker *worker, const void *order);

/* False when there is none at the moment. */
bool worker_result(const struct worker *worker, void *ret_result);
