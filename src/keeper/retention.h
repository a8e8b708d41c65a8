/*
 * What ended jobs leave behind goes in time: output first, by age, number and bytes of each command and by the budget of
 * all; records later, by age. And the other side of it: whether there is room for what a new job may leave.
 *
 * Nobody waits for this. While jobs end, a few removals are due for each. A thread of its own unlinks their files, and that
 * they are gone is noted in the commits that are made anyway (removals.h). In quiet times more are due, and have commits of
 * their own. Files are unlinked and never truncated, so whoever reads one reads on.
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
    struct event *step;           /* removals are due with the time, too */
    struct event *unlinked;       /* some files are gone */
    bool is_on;                   /* under way: the commands are visited in the order of their names */
    bool is_due;                  /* something has ended since it began */
    bool is_disk_low;             /* less is free than the configuration wants */
    bool is_over_budget;          /* output goes until it is not */
    char command[NAME_MAX_BYTES]; /* "" at the beginning: what concerns all commands */
    uint64_t begun_ms;            /* monotonic */
    unsigned due;                 /* removals that may be ordered now */
    uint64_t live_bytes;          /* output of jobs that have not ended, with its index */
    uint64_t kept_bytes; /* output of jobs that have ended, with its index, as of the last look; as is the next */
    uint64_t disk_free_bytes;
};

int retention_init(struct keeper *keeper, struct error *err);
void retention_done(struct keeper *keeper);

/* Once a second: looks at the disk, and begins a sweep when there may be something to do. */
void retention_tick(struct keeper *keeper);

/* The chapters of a turn: it will be stored, and takes a few notes along; it was not, and neither were they; */
void retention_before_commit(struct keeper *keeper);
void retention_undone(struct keeper *keeper);

/* and its answers are out: for each job that ended in it, a few removals are due. */
void retention_after_turn(struct keeper *keeper, unsigned ends);

/* Whether the output of a job whose command keeps metadata only has gone: those who waited for its end had their time. */
bool retention_is_over(uint64_t finished_unix_ms);

/* What counts against store.budget: all output with its index. */
uint64_t retention_stored_bytes(const struct keeper *keeper);

/* Why there is no room for another job, or NULL. */
const char *retention_refusal(const struct keeper *keeper);
