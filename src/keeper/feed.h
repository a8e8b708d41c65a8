/*
 * The feed of changes: every creation of a job and every change of a state, in one sequence, for whoever follows it. The
 * last FEED_RING changes are kept, so that a follower that was away, or was slow, goes on where it stopped; one that
 * stopped longer ago is told so. No follower has a queue of its own: it is a place in the ring.
 *
 *   feed_note()     a change has happened: it has a place, and nobody hears of it
 *   feed_stored()   all that was noted is on the disk
 *   feed_undo()     a job that was noted never came to be
 *   feeds_tell()    at the end of a turn, each follower hears of what is stored and it may read
 *
 * Sequences begin anew with each keeper; `life` tells them apart.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "credential.h"
#include "sallyport/proto/messages.h"

struct error;
struct job;
struct keeper;

#define FEED_RING 4096 /* changes; a job has three or four of them */

/* One that follows. */
struct feed {
    TAILQ_ENTRY(feed) in_list;
    uint32_t request_id;
    struct credential who;
    bool reads_all; /* else its own alone */
    uint8_t kinds;  /* enum feed_kind */
    struct job_id jobs[FEED_JOBS_MAX];
    unsigned job_count; /* 0: all */
    uint64_t at;        /* the last change that it heard of, or need not */
    uint64_t told_at;   /* as the front knows it */
    uint32_t told_generation;
    bool is_due; /* has something to hear besides changes */
};

struct feed_entry {
    struct msg_change change;
    char actor[NAME_MAX_BYTES];
    uint8_t via;
};

struct feeds {
    TAILQ_HEAD(, feed) list; /* whoever was told longest ago comes first */
    unsigned count;
    struct feed_entry *ring;       /* change N is at N % FEED_RING */
    uint64_t life;                 /* this keeper */
    uint64_t oldest, last, stored; /* changes oldest..last are in the ring, and those up to `stored` may be told */
    bool has_news;                 /* for anybody: the list is worth a walk */
    uint32_t waiting, running;     /* as of the last second */
    struct event *later;           /* there is more to tell than one turn should take */
};

int feeds_init(struct keeper *keeper, struct error *err);
void feeds_done(struct keeper *keeper);

void feed_note(struct keeper *keeper, const struct job *job);
void feed_stored(struct keeper *keeper);
void feed_undo(struct keeper *keeper, const struct job_id *id);
void feeds_tell(struct keeper *keeper);

/* Once a second: counts what waits and what runs. */
void feeds_tick(struct keeper *keeper);

/* An unknown number is no fault: ends cross on the way. */
void feed_remove(struct keeper *keeper, uint32_t request_id);
void feeds_clear(struct keeper *keeper);

/* For feed_open.c: */
struct feed *feed_find(struct keeper *keeper, uint32_t request_id);
void feed_free(struct keeper *keeper, struct feed *feed);
struct msg_feed feed_report(const struct keeper *keeper, const struct feed *feed, bool has_reset);

/* feed_open.c: ends those that may not look any more, as watches_check() and watches_check_expiry() do. */
void feeds_check(struct keeper *keeper);
void feeds_check_rights(struct keeper *keeper); /* without a new generation */
void feeds_check_expiry(struct keeper *keeper);
