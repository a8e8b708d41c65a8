/* What callbacks are to be told: rows of the store, written in the commit of what they tell of. */
#pragma once

#include "sallyport/job/callback_event.h"
#include "sallyport/store/store.h"

struct error;
struct keeper;

/* Who is told of what, beyond the job itself. */
struct telling {
    enum callback_event event;
    const char *callback, *url; /* url: "" for the callback's own */
    uint32_t tail_bytes;        /* of the output; 0: it has no part in it */
};

/* One row. Its body is made here, so that every attempt sends the same. Needs an open transaction. */
int outbox_add(struct keeper *keeper, const struct job_record *record, const struct telling *telling,
               struct error *err);
