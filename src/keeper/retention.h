/*
 * What ended jobs leave behind goes in time: output first, by age, number and bytes of each command and by the budget of
 * all; records later, by age. And the other side of it: whether there is room for what a new job may leave.
 *
 * Nobody waits for this. While jobs end, a few removals for each ride along in the commits that are made for that anyway;
 * batches with commits of their own are small and rare while requests come, and larger in quiet times. Files are unlinked and never truncated, so whoever reads one reads
 * on; they go before the record says so, so that a crash between the two leaks nothing.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct error;
struct keeper;

#define METADATA_ONLY_MS 10000

struct sweep {
    struct event *step;             /* its own batches */
    bool is_on;                     /* under way: the commands are visited in the order of their names */
    bool is_due;                    /* something has ended since it began */
    bool is_disk_low;               /* less is free than the configuration wants */
    bool is_over_budget;            /* output goes until it is not */
    char command[NAME_MAX_BYTES];   /* "" at the beginning: what concerns all commands */
    uint64_t begun_ms, ridden_ms;   /* monotonic */
    uint64_t freed_bytes, until_us; /* of the batch under way */
    uint64_t disk_free_bytes;       /* as of the last look, as is the next */
    uint64_t kept_bytes;            /* output of jobs that have ended, with its index */
    uint64_t live_bytes;            /* output of jobs that have not ended, with its index */
};

int retention_init(struct keeper *keeper, struct error *err);
void retention_done(struct keeper *keeper);

/* Once a second: looks at the disk, and begins a sweep when there may be something to do. */
void retention_tick(struct keeper *keeper);

/* At the end of a turn that will be stored: removes a few things more for each job that ended in it. */
void retention_ride(struct keeper *keeper);

/* Whether the output of a job whose command keeps metadata only has gone: those who waited for its end had their time. */
bool retention_is_over(uint64_t finished_unix_ms);

/* What counts against store.budget: all output with its index. */
uint64_t retention_stored_bytes(const struct keeper *keeper);

/* Why there is no room for another job, or NULL. */
const char *retention_refusal(const struct keeper *keeper);
