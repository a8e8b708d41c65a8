/* What callbacks are to be told: rows of the store, written in the commit of what they tell of. */
#pragma once

#include "sallyport/job/callback_event.h"
#include "sallyport/store/store.h"

struct delivery;
struct error;
struct keeper;

/* Who is told of what, beyond the job itself. */
struct telling {
    enum callback_event event;
    const char *callback, *url; /* url: "" for the callback's own */
    uint32_t tail_bytes;        /* of the output; 0: it has no part in it */
    uint8_t format;             /* enum callback_format */
};

/*
 * Whether so much more may wait for a callback; 1: no, and ret_why says why for people. What a receiver that is down leaves
 * behind is bounded, and what comes beyond is given up at once, in the log like all else.
 */
int outbox_is_full(struct keeper *keeper, const char *callback, uint64_t bytes, char ret_why[REASON_MAX_BYTES],
                   struct error *err);

/* One row. Its body is made here, so that every attempt sends the same. Needs an open transaction. */
int outbox_add(struct keeper *keeper, const struct job_record *record, const struct telling *telling,
               struct error *err);

/*
 * One that has ended is to be sent again: output of its job went with its end, so that is written anew, as far as it is still
 * kept. 1: it has its body; 0: its job is gone. Needs an open transaction.
 */
int outbox_renew(struct keeper *keeper, const struct delivery *delivery, struct error *err);
