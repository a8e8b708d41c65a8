/* When a cron entry comes; what its text means stands in cron_parse.c. */
#include "sallyport/schedule/cron.h"

#include "sallyport/schedule/civil.h"

#define DAY_MINUTES (DAY_S / MINUTE_S)

/* Longer than any entry waits: after 400 years the calendar repeats itself, weekdays and all. */
#define SEARCH_DAYS (400 * 366)

static bool is_day(const struct cron *cron, const struct civil_date *date, int64_t day)
{
    bool fits_month_day = (cron->days >> date->day & 1) != 0;
    bool fits_weekday = (cron->weekdays >> civil_weekday(day) & 1) != 0;
    bool fits = cron->takes_either_day ? fits_month_day || fits_weekday : fits_month_day && fits_weekday;
    return fits && (cron->months >> date->month & 1) != 0;
}

static bool is_minute(const struct cron *cron, unsigned minute)
{
    return (cron->hours >> minute / 60 & 1) != 0 && (cron->minutes >> minute % 60 & 1) != 0;
}

/* Of the day's minutes in [from, until), the first that the entry means when step is 1, the last when it is -1. */
static bool find_minute(const struct cron *cron, int64_t from, int64_t until, int step, int64_t *ret_minute)
{
    from = from > 0 ? from : 0;
    until = until < DAY_MINUTES ? until : DAY_MINUTES;
    for (int64_t minute = step > 0 ? from : until - 1; minute >= from && minute < until; minute += step)
        if (is_minute(cron, (unsigned)minute)) {
            *ret_minute = minute;
            return true;
        }
    return false;
}

/* The neighbour of this day, or the nearest day of the next month when nothing comes in this one. */
static int64_t step_day(const struct cron *cron, const struct civil_date *date, int64_t day, int step)
{
    if ((cron->months >> date->month & 1) != 0)
        return day + step;
    return step > 0 ? day - date->day + 1 + civil_month_days(date->year, date->month) : day - date->day;
}

/* The first minute that begins at this second or after it. */
static int64_t minute_from(int64_t local_s)
{
    int64_t day = civil_day_of(local_s);
    return day * DAY_MINUTES + (local_s - day * DAY_S + MINUTE_S - 1) / MINUTE_S;
}

static bool find(const struct cron *cron, int64_t from_local_s, int64_t until_local_s, int step, int64_t *ret_local_s)
{
    int64_t from = minute_from(from_local_s), until = minute_from(until_local_s), minute;
    int64_t first_day = civil_day_of(step > 0 ? from * MINUTE_S : (until - 1) * MINUTE_S), day = first_day;
    while (day * DAY_MINUTES < until && (day + 1) * DAY_MINUTES > from && (day - first_day) * step < SEARCH_DAYS) {
        struct civil_date date = civil_date_of(day);
        int64_t before = day * DAY_MINUTES;
        if (is_day(cron, &date, day) && find_minute(cron, from - before, until - before, step, &minute)) {
            *ret_local_s = (before + minute) * MINUTE_S;
            return true;
        }
        day = step_day(cron, &date, day, step);
    }
    return false;
}

bool cron_first(const struct cron *cron, int64_t from_local_s, int64_t until_local_s, int64_t *ret_local_s)
{
    return find(cron, from_local_s, until_local_s, 1, ret_local_s);
}

bool cron_last(const struct cron *cron, int64_t from_local_s, int64_t until_local_s, int64_t *ret_local_s)
{
    return find(cron, from_local_s, until_local_s, -1, ret_local_s);
}

int64_t cron_apart_s(const struct cron *cron)
{
    int64_t least = DAY_MINUTES, first = -1, latest = -1;
    for (unsigned minute = 0; minute < DAY_MINUTES; minute++) {
        if (!is_minute(cron, minute))
            continue;
        if (latest >= 0 && minute - latest < least)
            least = minute - latest;
        first = first < 0 ? minute : first;
        latest = minute;
    }
    int64_t over_midnight = first + DAY_MINUTES - latest;
    return (over_midnight < least ? over_midnight : least) * MINUTE_S;
}
