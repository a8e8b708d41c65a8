/*
 * Standard input and uploads on their way to disk and back, piece by piece: up to 64 MiB must not hold up the loop. All copies share one
 * event, which moves one piece of one of them and lets everybody else have a turn.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct copy;
struct error;
struct keeper;

/* Is shown all bytes in their order, piece by piece, as they are copied. */
typedef void copy_seen(void *arg, const uint8_t *data, size_t size);

/* Called once, from the loop: 0, or -errno with err. The copy is freed afterwards. */
typedef void copy_ended(struct keeper *keeper, void *arg, int result, const struct error *err);

struct copy_wish {
    int from_fd, to_fd;      /* both are duplicated; the position of `to` is to_at */
    uint64_t from_at, to_at; /* where it begins in each */
    uint64_t size;
    bool syncs;      /* on the disk before it has ended */
    copy_seen *seen; /* or NULL. `from` can be read by position then */
    copy_ended *ended;
    void *arg;
};

struct copies {
    TAILQ_HEAD(, copy) list;
    struct event *step;
};

int copies_init(struct keeper *keeper, struct error *err);
void copies_done(struct keeper *keeper);

int copy_begin(struct keeper *keeper, const struct copy_wish *wish, struct copy **ret_copy, struct error *err);

/* Gives up one that has not ended. Takes NULL. */
void copy_stop(struct keeper *keeper, struct copy *copy);
