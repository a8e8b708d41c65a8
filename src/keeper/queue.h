/*
 * What starts next: by priority, then in the order of acceptance, among the jobs that may start. A job waits for
 *
 *   its lane      jobs of its command and key before it, and those that run (lane.h)
 *   its share     what else its caller has running (share.h)
 *   the service   what all callers together have running
 *   a slot        of its kind: one with an id of its own, or one of the account that the command names
 *
 * What may not start holds up nobody but its own lane: a kind that is full, a key that is busy and a caller at his limit are
 * passed by. To find the next job costs the logarithm of the number of lanes that could go on, however many others wait.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lane.h"
#include "overdue.h"
#include "ranking.h"
#include "share.h"
#include "sallyport/job/job.h"
#include "sallyport/limits.h"

struct command;
struct error;
struct job;
struct job_record;
struct keeper;

struct slot_kind {
    char account[NAME_MAX_BYTES]; /* "" for ids of its own */
    uint32_t slots, used;
    struct ranking ready; /* lanes */
    bool is_held_up;      /* for this round: its next job is not ready to start */
    struct slot_kind *next;
};

struct queue {
    struct slot_kind *kinds;
    struct lanes lanes;
    struct shares shares;
    struct ranking order; /* all jobs that wait */
    struct overdue overdue;
    unsigned waiting, running; /* running: without sequences, which are what their steps are */
    bool is_starting;
    uint64_t not_before_ms; /* monotonic: the launcher was busy or its rules differ from ours */
    struct event *again;
};

int queue_init(struct keeper *keeper, struct error *err);
void queue_done(struct keeper *keeper);

/* After a change of the rules: the new limits hold for what waits, and jobs whose command is gone end. */
void queue_renew(struct keeper *keeper);

/* By its priority and sequence, so a job that comes back stands where it stood. Ends the job if its command is gone. */
void queue_add(struct keeper *keeper, struct job *job);
void queue_remove(struct keeper *keeper, struct job *job);

/* Out of the queue and into a slot; then out of the slot. */
void queue_start(struct keeper *keeper, struct job *job);
void queue_free_slot(struct keeper *keeper, struct job *job);

/* The job has a slot already: after a restart of the keeper. */
void queue_take_slot(struct keeper *keeper, struct job *job);

/* Moves jobs that may start to `starting`; their orders go out when that is stored. */
void queue_start_next(struct keeper *keeper);

/* Nothing starts for so long. */
void queue_pause(struct keeper *keeper, unsigned ms);

/* From 1; 0 when it does not wait. What stands before it and may not start does not hold it up. */
uint32_t queue_position(const struct keeper *keeper, const struct job *job);

/* Why it waits, and the same in words; JOB_WAIT_NONE and "" when it does not. */
enum job_wait queue_reason(const struct keeper *keeper, const struct job *job, char ret_text[REASON_MAX_BYTES]);

/* Where a job of this record would stand, and why; position 0 when it would start at once. */
enum job_wait queue_forecast(struct keeper *keeper, const struct job_record *record, uint32_t *ret_position,
                             char ret_text[REASON_MAX_BYTES]);

/* How long the oldest of those that wait has waited, in ms; 0 when none does. Its length: `waiting`. */
uint64_t queue_oldest_ms(const struct keeper *keeper);

/* --- for the parts of the queue ------------------------------------------------------------------------------------- */

struct order queue_order(const struct job *job);

/* The kind of slot that jobs of the command need (sequences: one without end); NULL is a command that is not listed. */
struct slot_kind *queue_kind(struct keeper *keeper, const struct command *command);

/* Zeroed memory. There is no queue without it, so the keeper ends when it is short, to be started anew. */
void *queue_room(size_t size);
