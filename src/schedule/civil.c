#include "sallyport/schedule/civil.h"

#include <string.h>

/* Days from 1970-01-01 to 1 January of the year: 719162 of them lie between the years 1 and 1970. */
static int64_t year_day(int64_t year)
{
    int64_t past = year - 1;
    return 365 * past + past / 4 - past / 100 + past / 400 - 719162;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned civil_month_days(int64_t year, unsigned month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year));
}

int64_t civil_day(const struct civil_date *date)
{
    int64_t day = year_day(date->year) + date->day - 1;
    for (unsigned month = 1; month < date->month; month++)
        day += civil_month_days(date->year, month);
    return day;
}

struct civil_date civil_date_of(int64_t day)
{
    int64_t year = 1970 + day / 366; /* at most a few years off */
    while (year_day(year) > day)
        year--;
    while (year_day(year + 1) <= day)
        year++;
    struct civil_date date = { .year = year, .month = 1 };
    int64_t left = day - year_day(year);
    for (; left >= civil_month_days(year, date.month); date.month++)
        left -= civil_month_days(year, date.month);
    date.day = (unsigned)left + 1;
    return date;
}

unsigned civil_weekday(int64_t day)
{
    return (unsigned)(((day + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

int64_t civil_day_of(int64_t local_s)
{
    return local_s / DAY_S - (local_s % DAY_S < 0);
}

/* Exactly `count` digits that make a number within bounds; *text stays where a fault is. */
static bool read_number(const char **text, size_t count, unsigned least, unsigned most, unsigned *ret_number)
{
    unsigned number = 0;
    if (strspn(*text, "0123456789") < count)
        return false;
    for (size_t i = 0; i < count; i++)
        number = 10 * number + (unsigned)((*text)[i] - '0');
    if (number < least || number > most)
        return false;
    *text += count;
    *ret_number = number;
    return true;
}

static bool skip(const char **text, char wanted)
{
    return **text == wanted && (*text)++ != NULL;
}

const char *civil_read_date(const char **text, int64_t *ret_day)
{
    unsigned year, month, day;
    if (!read_number(text, 4, 1970, CIVIL_YEAR_MAX, &year))
        return "must be a year of four digits, from 1970 on";
    if (!skip(text, '-') || !read_number(text, 2, 1, 12, &month))
        return "must be '-' and a month of two digits, 01 to 12";
    if (!skip(text, '-'))
        return "must be '-' and a day of two digits";
    if (!read_number(text, 2, 1, civil_month_days(year, month), &day))
        return "must be a day of two digits that this month has";
    *ret_day = civil_day(&(struct civil_date){ year, month, day });
    return NULL;
}

const char *civil_read_clock(const char **text, int64_t *ret_s)
{
    unsigned hour, minute, second;
    if (!read_number(text, 2, 0, 23, &hour))
        return "must be an hour of two digits, 00 to 23";
    if (!skip(text, ':') || !read_number(text, 2, 0, 59, &minute))
        return "must be ':' and a minute of two digits, 00 to 59";
    if (!skip(text, ':') || !read_number(text, 2, 0, 59, &second))
        return "must be ':' and a second of two digits, 00 to 59";
    *ret_s = 3600 * (int64_t)hour + 60 * (int64_t)minute + second;
    return NULL;
}

const char *civil_read_offset(const char **text, int64_t *ret_s)
{
    unsigned hour, minute;
    *ret_s = 0;
    if (skip(text, 'Z'))
        return NULL;
    int sign = **text == '+' ? 1 : -1;
    if (!skip(text, '+') && !skip(text, '-'))
        return "must be Z, or the offset from UTC such as +01:00";
    if (!read_number(text, 2, 0, 23, &hour) || !skip(text, ':') || !read_number(text, 2, 0, 59, &minute))
        return "must be an offset of hours and minutes such as +01:00";
    *ret_s = sign * (3600 * (int64_t)hour + 60 * (int64_t)minute);
    return NULL;
}
