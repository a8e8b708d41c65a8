/*
 * What webhooks delivered: genuine ones alone. It is the log that people read, and the memory of what must not run twice. So a
 * row goes by its age and for no other reason: who could push rows out could have an old delivery run again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/hash.h"
#include "sallyport/base/job_id.h"
#include "sallyport/hook/scheme.h"
#include "sallyport/limits.h"

struct error;
struct store;

struct hook_delivery {
    struct job_id id; /* ours */
    char hook[NAME_MAX_BYTES];
    uint8_t identity[HASH_BYTES];        /* of which each hook has one row (hook_identity()) */
    char delivery[HOOK_DELIVERY_BYTES];  /* the provider's name for it; "" */
    uint8_t unsigned_digest[HASH_BYTES]; /* of what the hook read and no signature covers: query, headers */
    uint8_t fate;                        /* enum hook_fate */
    char event[NAME_MAX_BYTES];
    char address[ADDRESS_MAX_BYTES];
    char detail[REASON_MAX_BYTES];
    struct job_id job_id; /* that it started; all zero: none */
    uint64_t bytes, created_unix_ms, seen_unix_ms;
    uint32_t count; /* how often it came */
};

/* Writes need an open transaction. -EEXIST when the hook has one of this identity. */
int store_hook_delivery_add(struct store *store, const struct hook_delivery *delivery, struct error *err);

/* Fate, the provider's name, event, address, detail, job, the time when it was seen, and the count. */
int store_hook_delivery_update(struct store *store, const struct hook_delivery *delivery, struct error *err);

/* 1 when found, 0 when there is none. */
int store_hook_delivery_find(struct store *store, const char *hook, const uint8_t identity[HASH_BYTES],
                             struct hook_delivery *ret_delivery, struct error *err);
int store_hook_delivery_read(struct store *store, const struct job_id *id, struct hook_delivery *ret_delivery,
                             struct error *err);

/* The newest first; before may be NULL. False ends the walk. */
typedef bool store_hook_delivery_visit(void *arg, const struct hook_delivery *delivery);
int store_hook_deliveries_list(struct store *store, const char *hook, const struct job_id *before, uint32_t limit,
                               store_hook_delivery_visit *visit, void *arg, struct error *err);

/* How many there are of a hook; kept by the database itself. */
int store_hook_deliveries_count(struct store *store, const char *hook, uint64_t *ret_count, struct error *err);

/* Removes up to `most` that were last seen before this time. Returns how many. */
int store_hook_deliveries_expire(struct store *store, uint64_t before_unix_ms, unsigned most, struct error *err);
