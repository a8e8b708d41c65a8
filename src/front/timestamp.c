#include "timestamp.h"

#include <string.h>
#include <time.h>

#include "sallyport/base/text.h"

/* Exactly `digits` decimal digits. */
static bool take_number(const char **at, unsigned digits, int *ret_number)
{
    int number = 0;
    for (unsigned i = 0; i < digits; i++, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        number = number * 10 + (**at - '0');
    }
    *ret_number = number;
    return true;
}

static bool take_letter(const char **at, const char *letters)
{
    if (**at == '\0' || strchr(letters, **at) == NULL)
        return false;
    ++*at;
    return true;
}

static unsigned take_fraction_ms(const char **at)
{
    unsigned ms = 0, unit = 100;
    if (**at != '.' || (*at)[1] < '0' || (*at)[1] > '9')
        return 0;
    for (++*at; **at >= '0' && **at <= '9'; ++*at) {
        ms += (unsigned)(**at - '0') * unit;
        unit /= 10;
    }
    return ms;
}

static bool take_zone(const char **at, long *ret_offset_s)
{
    int hours, minutes;
    *ret_offset_s = 0;
    if (take_letter(at, "Zz"))
        return true;
    /* In a query '+' is a blank unless it is escaped; who forgot that is understood. */
    long sign = **at == '-' ? -1 : 1;
    if (!take_letter(at, "+- ") || !take_number(at, 2, &hours) || !take_letter(at, ":") ||
        !take_number(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = sign * (hours * 3600L + minutes * 60L);
    return true;
}

bool timestamp_parse(const char *text, uint64_t now_unix_ms, uint64_t *ret_unix_ms)
{
    uint64_t ago_ms;
    if (text_duration_ms(text, &ago_ms)) {
        *ret_unix_ms = ago_ms < now_unix_ms ? now_unix_ms - ago_ms : 1;
        return true;
    }
    struct tm tm = { 0 };
    long offset_s;
    const char *at = text;
    bool is_whole = take_number(&at, 4, &tm.tm_year) && take_letter(&at, "-") && take_number(&at, 2, &tm.tm_mon) &&
                    take_letter(&at, "-") && take_number(&at, 2, &tm.tm_mday) && take_letter(&at, "Tt ") &&
                    take_number(&at, 2, &tm.tm_hour) && take_letter(&at, ":") && take_number(&at, 2, &tm.tm_min) &&
                    take_letter(&at, ":") && take_number(&at, 2, &tm.tm_sec);
    if (!is_whole || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    unsigned ms = take_fraction_ms(&at);
    if (!take_zone(&at, &offset_s) || *at != '\0')
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = timegm(&tm) - offset_s;
    if (seconds <= 0)
        return false;
    *ret_unix_ms = (uint64_t)seconds * 1000 + ms;
    return true;
}
