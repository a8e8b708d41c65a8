/*
 * What one caller has of the service: how many of its jobs run and wait, against the `limits` that the configuration gives it.
 * A share is there as long as one of its caller's jobs has not ended.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ranking.h"
#include "sallyport/job/quota.h"
#include "sallyport/limits.h"

struct keeper;
struct slot_kind;

/* The lanes of one kind whose first jobs could start but for this share's limit. */
struct held {
    struct held *next;
    struct slot_kind *kind;
    struct ranking lanes;
};

struct share {
    LIST_ENTRY(share) in_table;
    char name[NAME_MAX_BYTES];
    uint8_t via;
    struct quota quota;
    unsigned users; /* jobs that point here */
    uint32_t running, waiting;
    struct held *held;
};

#define SHARE_BUCKETS 256

struct shares {
    LIST_HEAD(, share) buckets[SHARE_BUCKETS];
};

/* NULL when the caller has no job. */
struct share *share_find(struct keeper *keeper, const char *name, uint8_t via);

/* Found or made, for one job more; and let go by it. */
struct share *share_take(struct keeper *keeper, const char *name, uint8_t via);
void share_drop(struct share *share);

bool share_is_full(const struct share *share);

/* Where lanes of this kind are held. */
struct ranking *share_held(struct share *share, struct slot_kind *kind);

/*
 * After one of its jobs ended or started: while it has room, one held lane of each kind may try. More need not: the next one
 * is woken when that has started.
 */
void share_wake(struct keeper *keeper, struct share *share);
