/*
 * When a schedule fires: from its text and its zone to one moment after another. No I/O, no clock, no memory of its own.
 *
 *   cron    a cron entry (cron.h) in the schedule's zone
 *   every   "15m": at all multiples of this duration since 1970-01-01T00:00:00Z, so that a restart changes nothing
 *   at      "2027-01-31T18:00:00+01:00", or without an offset a local time of the schedule's zone; once
 *
 * What a schedule calls its time, the nominal fire time, is the identity of a run. That it starts later is timing.h's.
 *
 * When the zone's clock jumps (daylight saving time), a cron entry goes by Debian's cron(8), "Special considerations exist
 * when the clock is changed", with one difference: there a `*` in the minutes counts as well, here the hour field decides alone.
 *
 *   hours are listed     A local time that the clock jumps over fires at the first moment behind the gap, and several of
 *                        them, or one of them and a time that is that moment, fire there once. A local time that comes
 *                        twice fires the first time only. So "30 2 * * *" runs once on each day of the year.
 *   `*` or a step        Each minute that the clock shows counts, and what it jumps over does not. So the quarters of every
 *   in the hours         hour come in both passes of a repeated hour, and none of them is made up for behind a gap.
 *
 * A local time of `at` in a gap is the first moment behind it; one that comes twice is the first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/schedule/cron.h"

struct error;
struct zone;

#define SCHEDULE_EVERY_MIN_MS 1000ull
#define SCHEDULE_EVERY_MAX_MS (366ull * 24 * 3600 * 1000)
#define SCHEDULE_UNIX_MAX_MS  253402300799999ull /* the last of the year 9999: nothing fires after it */

enum schedule_form { SCHEDULE_NONE, SCHEDULE_CRON, SCHEDULE_EVERY, SCHEDULE_AT, SCHEDULE_FORM_COUNT };

struct schedule {
    enum schedule_form form;
    struct cron cron;
    uint64_t every_ms;
    int64_t at_s; /* unix seconds, or local ones */
    bool is_at_local;
};

/* -EINVAL with a sentence for people, which names the place in the text where there is one. */
int schedule_parse(enum schedule_form form, const char *text, struct schedule *ret_schedule, struct error *err);

/*
 * The first fire time after this moment, and the last one that is not after it. False when there is none. With one schedule and one
 * zone, schedule_next() of one fire time is the next one, and schedule_last() goes the same way back. The zone
 * is sound (zone_fault()).
 */
bool schedule_next(const struct schedule *schedule, const struct zone *zone, uint64_t after_unix_ms,
                   uint64_t *ret_unix_ms);
bool schedule_last(const struct schedule *schedule, const struct zone *zone, uint64_t until_unix_ms,
                   uint64_t *ret_unix_ms);

/* The least time between two fire times, jumps of the zone's clock left aside. UINT64_MAX for what fires once. */
uint64_t schedule_apart_ms(const struct schedule *schedule);

/* "cron", "every", "at"; "" for what is out of range. */
const char *schedule_form_text(enum schedule_form form);
