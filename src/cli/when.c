#include "when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sallyport/base/text.h"

/* The offset behind the time, in minutes: "Z", "+02:00". */
static bool read_zone(const char *text, int *ret_minutes)
{
    static const char form[] = "?00:00";
    if (strcmp(text, "Z") == 0) {
        *ret_minutes = 0;
        return true;
    }
    if (strlen(text) != sizeof form - 1 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    for (size_t i = 1; i < sizeof form - 1; i++)
        if (i != 3 && (text[i] < '0' || text[i] > '9'))
            return false;
    int hours = (text[1] - '0') * 10 + text[2] - '0', minutes = (text[4] - '0') * 10 + text[5] - '0';
    *ret_minutes = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

static bool seconds_of(const char *text, const char *format, int64_t *ret_seconds, const char **ret_rest)
{
    struct tm utc = { 0 };
    const char *rest = strptime(text, format, &utc);
    if (rest == NULL)
        return false;
    time_t seconds = timegm(&utc);
    if (seconds < 0)
        return false;
    *ret_seconds = seconds;
    *ret_rest = rest;
    return true;
}

bool when_parse(const char *text, uint64_t *ret_unix_ms)
{
    int64_t seconds;
    int zone;
    unsigned ms = 0;
    const char *rest;
    if (!seconds_of(text, "%Y-%m-%dT%H:%M:%S", &seconds, &rest))
        return false;
    if (*rest == '.') {
        size_t digits = strspn(rest + 1, "0123456789");
        if (digits == 0)
            return false;
        for (size_t i = 0; i < 3; i++)
            ms = ms * 10 + (i < digits ? (unsigned)(rest[1 + i] - '0') : 0);
        rest += 1 + digits;
    }
    if (!read_zone(rest, &zone) || seconds < (int64_t)zone * 60)
        return false;
    *ret_unix_ms = (uint64_t)(seconds - (int64_t)zone * 60) * 1000 + ms;
    return true;
}

bool when_parse_since(const char *text, uint64_t now_unix_ms, uint64_t *ret_unix_ms)
{
    uint64_t ago_ms;
    int64_t seconds;
    const char *rest;
    if (when_parse(text, ret_unix_ms))
        return true;
    if (text_duration_ms(text, &ago_ms)) {
        *ret_unix_ms = ago_ms > now_unix_ms ? 0 : now_unix_ms - ago_ms;
        return true;
    }
    if (!seconds_of(text, "%Y-%m-%d", &seconds, &rest) || *rest != '\0')
        return false;
    *ret_unix_ms = (uint64_t)seconds * 1000;
    return true;
}

const char *when_relative(uint64_t now_unix_ms, uint64_t unix_ms, char text[WHEN_TEXT_BYTES])
{
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };

    bool is_future = unix_ms > now_unix_ms;
    uint64_t seconds = (is_future ? unix_ms - now_unix_ms : now_unix_ms - unix_ms) / 1000;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        /* The larger unit only from two of it on: "90m ago" tells more than "1h ago". */
        if (seconds < units[i].seconds * (units[i].unit == 's' ? 1 : 2))
            continue;
        snprintf(text, WHEN_TEXT_BYTES, "%s%llu%c%s", is_future ? "in " : "",
                 (unsigned long long)(seconds / units[i].seconds), units[i].unit, is_future ? "" : " ago");
        return text;
    }
    snprintf(text, WHEN_TEXT_BYTES, "now");
    return text;
}

const char *when_took(double seconds, char text[WHEN_TEXT_BYTES])
{
    unsigned long long whole = seconds < 0 ? 0 : (unsigned long long)(seconds + 0.5);
    if (seconds < 0)
        seconds = 0;
    if (seconds < 9.95)
        snprintf(text, WHEN_TEXT_BYTES, "%.1fs", seconds);
    else if (whole < 120)
        snprintf(text, WHEN_TEXT_BYTES, "%llus", whole);
    else if (whole < 7200)
        snprintf(text, WHEN_TEXT_BYTES, "%llum%02llus", whole / 60, whole % 60);
    else if (whole < 172800)
        snprintf(text, WHEN_TEXT_BYTES, "%lluh%02llum", whole / 3600, whole / 60 % 60);
    else
        snprintf(text, WHEN_TEXT_BYTES, "%llud%lluh", whole / 86400, whole / 3600 % 24);
    return text;
}
