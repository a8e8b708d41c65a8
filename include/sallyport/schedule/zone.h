/*
 * A time zone as a table of offsets, and what a clock on its walls shows.
 *
 * Nobody here reads files: the table is made by who has the host's (src/config/zone_files.h), for some years back and ahead,
 * and handed on. Before its first period the first offset holds, and behind its last the last one.
 *
 * A period that begins with a larger offset than the one before it makes a gap: local times that no clock shows. One that
 * begins with a smaller offset shows local times a second time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"

#define ZONE_OFFSET_MAX_S (26 * 3600) /* to either side; RFC 8536 (TZif), section 3.2 */

struct zone_period {
    int64_t from_unix_s;
    int64_t offset_s; /* local seconds are unix seconds and this */
};

struct zone {
    char name[NAME_MAX_BYTES];   /* "Europe/Berlin" */
    struct zone_period *periods; /* rising; at least one */
    uint32_t period_count;
};

/* One period, as seen on the wall. */
struct zone_span {
    int64_t from_unix_s,
        until_unix_s; /* the second behind its last; before the first and behind the last it is far off */
    int64_t offset_s;
    int64_t seen_local_s; /* every local time before this was shown, or jumped over, by earlier periods */
};

/* A table of one period without an offset. */
extern const struct zone zone_utc;

/* NULL when the table is sound, or what is wrong with it. The functions below take sound ones only. */
const char *zone_fault(const struct zone *zone);

/* The index of the period that holds this second. */
uint32_t zone_find_period(const struct zone *zone, int64_t unix_s);
struct zone_span zone_span(const struct zone *zone, uint32_t index);

int64_t zone_local_s(const struct zone *zone, int64_t unix_s);

/* When the wall's clock first shows this time; for a time in a gap, the first moment behind the gap. */
int64_t zone_unix_s(const struct zone *zone, int64_t local_s);

/* Frees the periods and forgets all; takes half-built ones. */
void zone_done(struct zone *zone);
