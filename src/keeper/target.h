/*
 * A callback as something that answers or does not: how many attempts are under way, how many failed in a row, and whether its
 * receiver said that it is gone. In memory, where a new keeper finds it out anew; but that it is gone is a mark in the store,
 * too, for this start of the service.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sallyport/limits.h"

/* What became of an attempt. */
enum attempt_result {
    ATTEMPT_DELIVERED,
    ATTEMPT_AGAIN,    /* it may go better later */
    ATTEMPT_REFUSED,  /* it will not */
    ATTEMPT_GONE,     /* 410: nor will any other */
    ATTEMPT_NOT_SENT, /* it was none */
    ATTEMPT_RESULT_COUNT
};

struct target {
    LIST_ENTRY(target) in_list;
    char name[NAME_MAX_BYTES];
    unsigned under_way;
    unsigned failures; /* in a row, of whichever delivery */
    uint64_t probe_ms; /* clock_monotonic_ms(): no attempt before, while it fails */
    bool is_gone;      /* until the next reload */
    uint64_t results[ATTEMPT_RESULT_COUNT];
    uint64_t overflows;     /* what was given up at once, for too much waited */
    uint64_t overflows_due; /* of those, the ones that this turn stores */
    bool is_full;           /* the log says so */
};

/* How many more attempts may begin now. */
unsigned target_room(const struct target *target, uint64_t now_ms);

/* How long until the next may, while it fails; 0 when it does not. */
uint64_t target_wait_ms(const struct target *target, uint64_t now_ms);

void target_began(struct target *target);

/* `pause_ms`: until the next probe of one that fails. */
void target_ended(struct target *target, enum attempt_result result, uint64_t now_ms, uint64_t pause_ms);

/* A reload: it gets another chance. */
void target_renew(struct target *target);
