/*
 * The group commit. All that arrives in one turn of the loop is one transaction: the first change opens it, an event
 * behind all others of the turn closes it, and only then anybody hears of it.
 *
 *   turn_write()   a request wants to store something: the transaction is open from here
 *   turn_spoil()   storing failed half-way, and why: nothing of this turn may stay
 *   turn_send()    a message to a peer that must not be seen before what it tells is stored
 *   turn_then()    a deed that must not be done before; it hears whether the commit succeeded
 *
 * Jobs in memory that changed (job_life.h) are written at the end of the turn. If the commit fails they stay marked and
 * are written again a second later: what has happened to a job is never forgotten for lack of space. Until that succeeds
 * the disk is behind: submits are refused without a try, and who asks for a job is told what is stored of it.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "peer.h"
#include "sallyport/base/error.h"

struct job;
struct keeper;

typedef void turn_effect(struct keeper *keeper, void *arg, bool is_stored);

struct turn {
    struct event *end, *retry;
    bool is_scheduled;
    bool is_spoiled;
    bool is_behind;       /* the last commit failed */
    struct error failure; /* why it did, or why this turn is spoiled */
    unsigned ends;        /* of jobs, in this turn */
    uint64_t asked_ms;    /* monotonic: when a request last waited for a commit */
    STAILQ_HEAD(, turn_item) items;
    unsigned answers;          /* messages among them */
    TAILQ_HEAD(, job) changed; /* written at the end */
};

int turn_init(struct keeper *keeper, struct error *err);
void turn_done(struct keeper *keeper);

void turn_schedule(struct keeper *keeper);
int turn_write(struct keeper *keeper, struct error *err);
void turn_spoil(struct keeper *keeper, const struct error *err);
void turn_send(struct keeper *keeper, struct peer *peer, enum msg_type type, uint32_t request_id, const void *body,
               const int *fds, unsigned fd_count);
void turn_then(struct keeper *keeper, turn_effect *effect, void *arg);

/* The job's record differs from what is stored. */
void turn_job_changed(struct keeper *keeper, struct job *job);

/* What the job's record in memory says may not be told: it is ahead of a disk that does not take it. */
bool turn_hides(const struct keeper *keeper, const struct job *job);

/* Ends the turn now: what the event does, and tests. */
void turn_end(struct keeper *keeper);
