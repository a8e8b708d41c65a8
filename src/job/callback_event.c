#include "sallyport/job/callback_event.h"

#include <string.h>

static const struct {
    const char *text;
    enum job_state state; /* that ends so */
    bool is_failure;
} events[CALLBACK_EVENT_COUNT] = {
    [CALLBACK_STARTED] = { "started", 0, false },
    [CALLBACK_SUCCEEDED] = { "succeeded", JOB_SUCCEEDED, false },
    [CALLBACK_FAILED] = { "failed", JOB_FAILED, true },
    [CALLBACK_TIMED_OUT] = { "timed_out", JOB_TIMED_OUT, true },
    [CALLBACK_CANCELLED] = { "cancelled", JOB_CANCELLED, false },
    [CALLBACK_LOST] = { "lost", JOB_LOST, true },
    [CALLBACK_LAUNCH_FAILED] = { "launch_failed", JOB_LAUNCH_FAILED, true },
    [CALLBACK_REJECTED] = { "rejected", JOB_REJECTED, false },
    [CALLBACK_RECOVERED] = { "recovered", 0, false },
};

const char *callback_event_text(unsigned event)
{
    return event < CALLBACK_EVENT_COUNT ? events[event].text : NULL;
}

enum callback_event callback_event_parse(const char *text)
{
    for (unsigned i = 1; i < CALLBACK_EVENT_COUNT; i++)
        if (strcmp(events[i].text, text) == 0)
            return (enum callback_event)i;
    return CALLBACK_NONE;
}

enum callback_event callback_event_of(enum job_state state)
{
    for (unsigned i = 1; i < CALLBACK_EVENT_COUNT; i++)
        if (events[i].state != 0 && events[i].state == state)
            return (enum callback_event)i;
    return CALLBACK_NONE;
}

bool callback_event_is_failure(enum callback_event event)
{
    return event < CALLBACK_EVENT_COUNT && events[event].is_failure;
}

static const char *const state_texts[DELIVERY_STATE_COUNT] = {
    [DELIVERY_WAITING] = "waiting",
    [DELIVERY_DELIVERED] = "delivered",
    [DELIVERY_FAILED] = "failed",
};

const char *delivery_state_text(unsigned state)
{
    return state < DELIVERY_STATE_COUNT ? state_texts[state] : NULL;
}

enum delivery_state delivery_state_parse(const char *text)
{
    for (unsigned i = 1; i < DELIVERY_STATE_COUNT; i++)
        if (strcmp(state_texts[i], text) == 0)
            return (enum delivery_state)i;
    return DELIVERY_NONE;
}
