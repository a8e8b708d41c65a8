/*
 * Dates and times of day as a calendar and a clock on the wall show them, without a zone. The calendar is the Gregorian one
 * (ISO 8601). "Local seconds" are what unix seconds would be if the wall's clock showed UTC.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MINUTE_S       60
#define DAY_S          86400
#define CIVIL_YEAR_MAX 9999
#define CIVIL_MAX_S    253402300799 /* 9999-12-31T23:59:59 */

struct civil_date {
    int64_t year;
    unsigned month, day; /* from 1 */
};

/* Days from 1970-01-01 to this date; years from 1 on. */
int64_t civil_day(const struct civil_date *date);
struct civil_date civil_date_of(int64_t day);

/* 0 for Sunday. */
unsigned civil_weekday(int64_t day);

unsigned civil_month_days(int64_t year, unsigned month);

/* The day that holds these local seconds. Rounds down, also before 1970. */
int64_t civil_day_of(int64_t local_s);

/*
 * Read "2027-01-31", "18:00:00", and "Z" or "+01:00" (RFC 3339, in capitals, without fractions and leap seconds), and move
 * *text behind them. Return NULL, or what is wrong at *text. A date is at least 1970-01-01.
 */
const char *civil_read_date(const char **text, int64_t *ret_day);
const char *civil_read_clock(const char **text, int64_t *ret_s);
const char *civil_read_offset(const char **text, int64_t *ret_s);
