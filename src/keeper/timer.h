/* libevent's timers in milliseconds. */
#pragma once

#include <event2/event.h>
#include <stdint.h>

static inline void timer_start(struct event *timer, uint64_t ms)
{
    struct timeval wait = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
    event_add(timer, &wait);
}
