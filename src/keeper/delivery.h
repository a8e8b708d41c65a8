/*
 * How a row of the outbox becomes attempts, and those its end. What is under way is known in memory alone: whoever dies, keeper
 * or notifier, it is sent again, so a receiver may hear a thing twice, and never not at all.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "target.h"
#include "sallyport/base/job_id.h"
#include "sallyport/proto/deliveries.h"
#include "sallyport/proto/metrics.h"

struct delivery;
struct error;
struct keeper;

struct under_way {
    LIST_ENTRY(under_way) in_list;
    struct job_id id; /* of the delivery */
    struct target *target;
    uint64_t began_ms, began_unix_ms;
};

struct deliveries {
    LIST_HEAD(, target) targets;
    LIST_HEAD(, under_way) under_way;
    unsigned under_way_count;
    bool is_due; /* to be looked at when the turn is stored */
    struct event *timer;
};

int deliveries_init(struct keeper *keeper, struct error *err);
void deliveries_done(struct keeper *keeper);

/* Soon, when nothing is half written. */
void deliveries_wake(struct keeper *keeper);

/* After each commit, and when it did not come about. */
void deliveries_stored(struct keeper *keeper);
void deliveries_undone(struct keeper *keeper);

/* Whether a row that is stored in this turn found room among those that wait. */
void deliveries_note_room(struct keeper *keeper, const struct delivery *delivery, bool is_full);

/* New rules. */
void deliveries_renew(struct keeper *keeper);

/* The notifier is gone, or another came: what it had under way is ordered again. */
void deliveries_notifier_is_gone(struct keeper *keeper);

/* Once a second: a notifier that does not answer is let go. */
void deliveries_tick(struct keeper *keeper);

/* False when nobody ordered it. */
bool delivery_answered(struct keeper *keeper, const struct msg_delivered *answer);

/* How many wait; and how attempts at a target went since our start, and how much of its was given up at once. */
uint64_t deliveries_backlog(const struct keeper *keeper);
void deliveries_count(const struct keeper *keeper, struct metric_callback *callback);
