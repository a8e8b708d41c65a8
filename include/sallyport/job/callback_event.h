/* What may be told of a job by a callback. */
#pragma once

#include "sallyport/job/job.h"

enum callback_event {
    CALLBACK_NONE,
    CALLBACK_STARTED,
    CALLBACK_SUCCEEDED,
    CALLBACK_FAILED,
    CALLBACK_TIMED_OUT,
    CALLBACK_CANCELLED,
    CALLBACK_LOST,
    CALLBACK_LAUNCH_FAILED,
    CALLBACK_REJECTED,
    CALLBACK_RECOVERED, /* the first success after a failure of the same command, and of the same key of its queue */
    CALLBACK_EVENT_COUNT
};

/* What a callback is sent: our own document, or that of a program whose clients named it. */
enum callback_format {
    CALLBACK_FORMAT_OWN,
    CALLBACK_FORMAT_HTTP_RUNNER, /* its job, with its output */
    CALLBACK_FORMAT_COUNT
};

enum delivery_state {
    DELIVERY_NONE,
    DELIVERY_WAITING, /* for its first attempt, or for the next */
    DELIVERY_DELIVERED,
    DELIVERY_FAILED,
    DELIVERY_STATE_COUNT
};

/* "waiting"; NULL for what is none; DELIVERY_NONE for a word that is none. */
const char *delivery_state_text(unsigned state);
enum delivery_state delivery_state_parse(const char *text);

/* "failed"; NULL for what is none. Bodies say "job.failed". */
const char *callback_event_text(unsigned event);

/* CALLBACK_NONE for a word that is none. */
enum callback_event callback_event_parse(const char *text);

/* What an end in this state is; CALLBACK_NONE for a state that is no end. */
enum callback_event callback_event_of(enum job_state state);

/* Whether a later success is a recovery. Who was cancelled or turned away has not failed. */
bool callback_event_is_failure(enum callback_event event);
