/*
 * Schedules at work. Each has a mark in the store: runs up to this nominal time are settled, started or left out. When the
 * next run is due, what it and its like bring is submitted (own_submit.h) in the commit that moves the mark on, under a key
 * made of the schedule's name and the nominal time. So whatever dies in between, no run is lost and none comes twice.
 *
 * A schedule that is new, or says something else than before, begins at now: nothing of it was missed. Nothing is started
 * while the service is drained or stops; what falls into that time was missed.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/hash.h"

struct error;
struct keeper;
struct rule_schedule;

struct alarm {
    const struct rule_schedule *rule; /* of the rules that hold */
    uint8_t digest[HASH_BYTES];
    uint64_t seen_unix_ms;
    bool is_settling; /* a commit is under way */
    bool has_next;
    uint64_t next_unix_ms, due_unix_ms; /* nominal, and with its jitter */
};

struct alarms {
    struct alarm *list; /* in the order of the rules */
    uint32_t count;
    struct event *timer;
    uint64_t missed; /* runs that were left out, since the start */
#if SALLYPORT_TEST_SWITCHES
    uint64_t started_ms; /* monotonic */
#endif
};

int alarms_init(struct keeper *keeper, struct error *err);
void alarms_done(struct keeper *keeper);

/* The rules have changed: takes their schedules. */
void alarms_renew(struct keeper *keeper);

/* Starts what is due. Every second, and when the next is. */
void alarms_check(struct keeper *keeper);

/* The schedules' clock, unix ms. */
uint64_t alarms_now_ms(const struct keeper *keeper);
