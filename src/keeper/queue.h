/*
 * What starts next. A job waits for a slot of its kind: one with an id of its own, or one of the account that the command
 * names. Each kind is first come, first served; a kind that is full does not hold the others up.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sallyport/limits.h"

struct error;
struct job;
struct keeper;

struct slot_kind {
    char account[NAME_MAX_BYTES]; /* "" for ids of its own */
    uint32_t slots, used;
    TAILQ_HEAD(slot_kind_jobs, job) waiting; /* by sequence */
    uint64_t gone;                           /* the number of the last that left the head */
    bool is_disordered;                      /* the numbers of those that wait have to be given anew */
    struct slot_kind *next;
};

struct queue {
    struct slot_kind *kinds;
    unsigned waiting;
    uint64_t not_before_ms; /* monotonic: the launcher was busy or its rules differ from ours */
    struct event *again;
};

int queue_init(struct keeper *keeper, struct error *err);
void queue_done(struct keeper *keeper);

/* After a change of the rules: counts slots anew, and ends jobs whose command is gone. */
void queue_renew(struct keeper *keeper);

/* By its sequence, so a job that comes back stands where it stood. Ends the job if its command is gone. */
void queue_add(struct keeper *keeper, struct job *job);
void queue_remove(struct keeper *keeper, struct job *job);
void queue_free_slot(struct keeper *keeper, struct job *job);

/* The job has a slot already: after a restart of the keeper. */
void queue_take_slot(struct keeper *keeper, struct job *job);

/* From 1; 0 when it does not wait. */
uint32_t queue_position(const struct job *job);
const char *queue_reason(const struct keeper *keeper, const struct job *job);

/* How many jobs have a slot, and when the oldest that waits was accepted: 0 when none does. */
unsigned queue_slots_used(const struct keeper *keeper);
uint64_t queue_oldest_unix_ms(const struct keeper *keeper);

/* Moves jobs that have a free slot to `starting`; their orders go out when that is stored. */
void queue_start_next(struct keeper *keeper);

/* Nothing starts for so long. */
void queue_pause(struct keeper *keeper, unsigned ms);
