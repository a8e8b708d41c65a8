/*
 * What retention has chosen to go next: a few ended jobs, some with their records. Each goes in two steps. First its files,
 * by the hand of a thread that may wait for the disk (unlinker.h); then, in one of the next commits, its record says so. A
 * crash between the two leaks nothing: it is chosen again, and what is not there is no fault.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/store/store.h"

struct error;
struct keeper;

#define REMOVALS_MAX 64

struct removal {
    struct remains remains;
    bool with_record;
};

struct removals {
    struct removal list[REMOVALS_MAX];
    unsigned count, ordered, unlinked, noted; /* noted <= unlinked <= ordered <= count */
    uint32_t batch;                           /* results of an older one are nobody's */
};

/* All that was chosen is noted; then others may be chosen. */
bool removals_are_done(const struct removals *removals);

void removals_add(struct removals *removals, const struct remains *remains, bool with_record);

/* Orders the next one's files to be removed. False when there is none. */
bool removals_order(struct keeper *keeper);

/* Takes the results that have come. -errno of the first files that could not be removed. */
int removals_hear(struct keeper *keeper, struct error *err);

/* Notes up to `most` of those whose files are gone. Needs a transaction; a failure spoils its turn. */
int removals_note(struct keeper *keeper, unsigned most, struct error *err);

/* What was noted is undone, or the rest cannot be done: all of it is chosen again some day. */
void removals_forget(struct removals *removals);

/* Its files are gone or about to go, and its record does not say so yet. */
bool removals_have(const struct removals *removals, const struct job_id *id);
