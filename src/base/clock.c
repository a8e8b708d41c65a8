#include "sallyport/base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t clock_read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t clock_monotonic_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000u;
}

uint64_t clock_unix_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

uint64_t clock_unix_ms(void)
{
    return clock_unix_us() / 1000u;
}

bool clock_is_near(uint64_t now_unix_ms, uint64_t then_unix_ms, uint64_t span_ms)
{
    uint64_t apart_ms = now_unix_ms > then_unix_ms ? now_unix_ms - then_unix_ms : then_unix_ms - now_unix_ms;
    return apart_ms < span_ms;
}

const char *clock_text(uint64_t unix_ms, char text[CLOCK_TEXT_BYTES])
{
    time_t seconds = (time_t)(unix_ms / 1000u);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL) {
        text[0] = '\0';
        return text;
    }
    size_t used = strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + used, CLOCK_TEXT_BYTES - used, ".%03uZ", (unsigned)(unix_ms % 1000u));
    return text;
}
