/*
 * The outbox of callbacks, which is their log, too: what is to be sent, written in the commit of what it tells of, with every
 * attempt that was made. And what `on` must remember: how jobs of a command ended last, and who was told when. A part of the
 * store: see store.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/limits.h"

struct error;
struct store;

struct delivery {
    struct job_id id; /* what receivers know as webhook-id */
    struct job_id job_id;
    char command[NAME_MAX_BYTES];
    uint8_t event; /* enum callback_event */
    char callback[NAME_MAX_BYTES];
    char url[URL_MAX_BYTES]; /* "": the callback's own */
    uint8_t format;          /* enum callback_format */
    uint8_t state;           /* enum delivery_state */
    uint32_t attempts;
    uint64_t created_unix_ms, due_unix_ms; /* due: while it waits */
    uint64_t ended_unix_ms;                /* 0: it waits */
    char detail[REASON_MAX_BYTES];         /* why it is as it is, for people */
};

/* A callback that a request has named: it is told of the end of that job. */
struct job_callback {
    uint32_t number; /* of this job's, from 1 on */
    char callback[NAME_MAX_BYTES];
    char url[URL_MAX_BYTES]; /* "": the callback's own */
    uint8_t format;          /* enum callback_format */
};

/* Needs an open transaction. What is noted already is not noted twice. `number` is not looked at. */
int store_job_callback_add(struct store *store, const struct job_id *job_id, const struct job_callback *callback,
                           struct error *err);

/* The one behind `after`, 0 for the first: 1, or 0 when there is none. */
int store_job_callback_next(struct store *store, const struct job_id *job_id, uint32_t after,
                            struct job_callback *ret_callback, struct error *err);

/* When they were told. Needs an open transaction. */
int store_job_callbacks_remove(struct store *store, const struct job_id *job_id, struct error *err);

/* Writes need an open transaction. The body is the same at every attempt. */
int store_delivery_add(struct store *store, const struct delivery *delivery, struct span body, struct error *err);

/* State, attempts, due and end, and detail. */
int store_delivery_update(struct store *store, const struct delivery *delivery, struct error *err);

/* 1 when found, 0 when there is none. */
int store_delivery_read(struct store *store, const struct job_id *id, struct delivery *ret_delivery, struct error *err);

/* The span belongs to the store and lasts until the next call. */
int store_delivery_body_set(struct store *store, const struct job_id *id, struct span body, struct error *err);
int store_delivery_body(struct store *store, const struct job_id *id, struct span *ret_body, struct error *err);

/* Those of a callback that wait, the next due first. Returns how many. */
int store_deliveries_waiting(struct store *store, const char *callback, struct delivery *ret_deliveries, uint32_t most,
                             struct error *err);

/* The next callback, in the order of their names, for which any waits. 1, or 0 at the end. */
int store_delivery_callback_next(struct store *store, const char *after, char ret_callback[NAME_MAX_BYTES],
                                 struct error *err);

/* Of all that wait for a callback that is not there any more, or is left alone. Needs an open transaction. */
int store_deliveries_fail(struct store *store, const char *callback, uint64_t now_unix_ms, const char *detail,
                          struct error *err);

/* What waits for a callback, or for all of them (""): rows, and bytes of their bodies. Kept by the database itself. */
struct waiting_total {
    uint64_t rows, bytes;
};
int store_deliveries_total(struct store *store, const char *callback, struct waiting_total *ret_total,
                           struct error *err);

/* Removes up to `most` that ended before this time, and of what is beyond DELIVERY_LOG_ROWS the oldest. */
int store_deliveries_expire(struct store *store, uint64_t before_unix_ms, unsigned most, struct error *err);

struct delivery_attempt {
    uint32_t number; /* from 1 */
    uint64_t unix_ms;
    uint8_t outcome; /* enum outcome */
    uint32_t status; /* of HTTP; 0: no answer */
    uint32_t duration_ms;
    char detail[REASON_MAX_BYTES];
};

struct delivery_filter {
    const char *callback;                 /* "" for any */
    uint8_t state;                        /* enum delivery_state; 0 for any */
    const struct job_id *job_id, *before; /* NULL for any; older than this one */
    const char *actor;                    /* whose jobs; "" for anybody's */
    uint8_t via;
    uint32_t limit;
};

/* The newest first; false ends the walk. */
typedef bool store_delivery_visit(void *arg, const struct delivery *delivery);
int store_deliveries_list(struct store *store, const struct delivery_filter *filter, store_delivery_visit *visit,
                          void *arg, struct error *err);

typedef bool store_attempt_visit(void *arg, const struct delivery_attempt *attempt);
int store_attempts_list(struct store *store, const struct job_id *delivery, store_attempt_visit *visit, void *arg,
                        struct error *err);

/* Attempts go with their delivery. */
int store_attempt_add(struct store *store, const struct job_id *delivery, const struct delivery_attempt *attempt,
                      struct error *err);

/* --- what `on` remembers --------------------------------------------------------------------------------------- */

struct streak {
    uint8_t event; /* enum callback_event: how the last jobs of a command (and of a key of its queue) ended, */
    uint32_t count;
    bool has_failed; /* and whether one failed since the last success */
};

/* 1 when found, 0 when there is none. */
int store_streak_read(struct store *store, const char *command, const char *key, struct streak *ret_streak,
                      struct error *err);
int store_streak_set(struct store *store, const char *command, const char *key, const struct streak *streak,
                     uint64_t now_unix_ms, struct error *err);

/* When a callback was last told of this event of a command: 1 and the time, or 0. */
int store_told_read(struct store *store, const char *command, uint8_t event, const char *callback,
                    uint64_t *ret_unix_ms, struct error *err);
int store_told_set(struct store *store, const char *command, uint8_t event, const char *callback, uint64_t unix_ms,
                   struct error *err);
