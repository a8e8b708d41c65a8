/*
 * A cron entry: five fields, and which local minutes they mean.
 *
 *   minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or jan-dec, day of the week 0-7 or sun-sat (0 and 7 are Sunday)
 *
 * A field is `*`, a value, a range A-B, a step over one of the two (STAR/N or A-B/N), or a list of those with commas. Names
 * are three letters in either case; a range may end in `sun`. @hourly, @daily (@midnight), @weekly, @monthly and @yearly
 * (@annually) stand for what they stand for in cron.
 *
 * A day must fit both day fields, but when both are restricted, which is to say when neither contains a `*`, one of them is
 * enough (POSIX.1-2017, crontab; "contains no asterisk" is from Debian's crontab(5)). Unlike in POSIX the month must fit
 * in any case, as in all crons that are in use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

struct cron {
    uint64_t minutes;             /* bit n for minute n */
    uint32_t hours, days, months; /* bit n for n: days and months begin with bit 1 */
    uint8_t weekdays;             /* bit 0 for Sunday */
    bool takes_either_day;        /* both day fields are restricted */
    bool follows_clock;           /* the hour field has a `*` or a step; what that means stands in schedule.h */
};

/*
 * -EINVAL with a sentence for people: "at character 3: ..." where a place can be named. An entry that could never come, such as
 * 30 February, is refused.
 */
int cron_parse(const char *text, struct cron *ret_cron, struct error *err);

/* The first, or last, minute that the entry means among those that begin in [from, until). False when there is none. */
bool cron_first(const struct cron *cron, int64_t from_local_s, int64_t until_local_s, int64_t *ret_local_s);
bool cron_last(const struct cron *cron, int64_t from_local_s, int64_t until_local_s, int64_t *ret_local_s);

/* The least that two of its minutes can lie apart on a wall whose clock never jumps. */
int64_t cron_apart_s(const struct cron *cron);
