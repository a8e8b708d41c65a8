/*
 * A lane is jobs that wait for one another: those of one command with one key of `concurrency`. They start in the order of
 * the queue, so only the first of a lane is ever looked at, and a lane that may not go on is looked at not at all. Where it
 * stands says why:
 *
 *   among the ready of its kind   its first job starts when it gets a slot
 *   among the held of a share     the caller of its first job has as many running as it may
 *   nowhere                       as many of it run as may, its command is paused, or nothing waits
 *
 * A command without a limit promises no order between its callers: there each caller has a lane of its own, so that one who is
 * at its limit does not hold up the others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ranking.h"
#include "sallyport/limits.h"

struct command;
struct job;
struct keeper;
struct share;
struct slot_kind;

struct lane {
    LIST_ENTRY(lane) in_table;
    char command[NAME_MAX_BYTES];
    char key[REASON_MAX_BYTES];
    struct share *share;    /* the one whose jobs these are; NULL: anybody's */
    struct slot_kind *kind; /* whose slots they need */
    uint32_t limit;         /* 0: none */
    bool is_paused;
    unsigned users; /* jobs that point here */
    uint32_t running;
    LIST_HEAD(, job) started;
    struct ranking waiting;
    struct ranking *within; /* where it stands, */
    struct place place;
    struct share *whose; /* and of whom its first job was when it took this place */
};

#define LANE_BUCKETS 4096

struct lanes {
    LIST_HEAD(, lane) buckets[LANE_BUCKETS];
};

/* The lane of a command with a limit and this key; NULL when it has no job. */
struct lane *lane_find(struct keeper *keeper, const char *command, const char *key);

/* Found or made, for one job more, whose share is known; and let go by it. `command`: NULL when it is not listed. */
struct lane *lane_take(struct keeper *keeper, const struct job *job, const struct command *command);
void lane_drop(struct lane *lane);

/* Stands where it belongs: after anything about it has changed, or about the share of its first job. */
void lane_settle(struct keeper *keeper, struct lane *lane);

/* The command was paused, or resumed. */
void lanes_pause(struct keeper *keeper, const char *command, bool is_paused);
