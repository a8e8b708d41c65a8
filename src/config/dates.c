#include "dates.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

/* Two or four digits at text, moving on. -1 if there are none. */
static int digits(const char **text, size_t count)
{
    int number = 0;
    if (strspn(*text, "0123456789") < count)
        return -1;
    for (; count > 0; count--)
        number = 10 * number + (*(*text)++ - '0');
    return number;
}

static bool skip(const char **text, char wanted)
{
    return **text == wanted && (*text)++ != NULL;
}

static bool read_day(const char **text, int64_t *ret_unix_s)
{
    int year = digits(text, 4);
    bool is_good = skip(text, '-');
    int month = digits(text, 2);
    is_good &= skip(text, '-');
    int day = digits(text, 2);
    if (!is_good || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    struct tm time = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
    *ret_unix_s = timegm(&time);
    return time.tm_mon == month - 1 && time.tm_mday == day; /* timegm() would move 31 February into March */
}

static bool read_clock(const char **text, int64_t *ret_s)
{
    int hour = digits(text, 2);
    bool is_good = skip(text, ':');
    int minute = digits(text, 2);
    is_good &= skip(text, ':');
    int second = digits(text, 2);
    *ret_s = 3600 * (int64_t)hour + 60 * (int64_t)minute + second;
    return is_good && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
}

static bool read_zone(const char **text, int64_t *ret_s)
{
    *ret_s = 0;
    if (skip(text, 'Z'))
        return true;
    int sign = **text == '+' ? 1 : -1;
    if (!skip(text, '+') && !skip(text, '-'))
        return false;
    int hour = digits(text, 2);
    bool is_good = skip(text, ':');
    int minute = digits(text, 2);
    *ret_s = sign * (3600 * (int64_t)hour + 60 * (int64_t)minute);
    return is_good && hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
}

bool date_unix_ms(const char *text, uint64_t *ret_unix_ms)
{
    int64_t day, clock = DAY_S, zone = 0;
    if (!read_day(&text, &day))
        return false;
    bool is_day = *text == '\0';
    if (!is_day && (!skip(&text, 'T') || !read_clock(&text, &clock) || !read_zone(&text, &zone) || *text != '\0'))
        return false;
    int64_t unix_s = day + clock - zone;
    if (unix_s <= 0)
        return false;
    *ret_unix_ms = (uint64_t)unix_s * 1000u - is_day;
    return true;
}
