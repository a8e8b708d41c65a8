/*
 * What the rules of the queue must remember over a restart, beside the jobs themselves: which job answers to a key of
 * `dedupe`, when jobs were accepted that a rate counts, and which commands are paused. A part of the store: see store.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/limits.h"

struct error;
struct store;

/* 1, the job that was accepted last with this key of the command, and when; 0 when there is none, or its record is gone. */
int store_dedupe_find(struct store *store, const char *command, const char *key, struct job_id *ret_job_id,
                      uint64_t *ret_accepted_unix_ms, struct error *err);

/* Part of the transaction that adds the job. `until_unix_ms`: nobody will ask for it later. */
int store_dedupe_note(struct store *store, const char *command, const char *key, const struct job_id *job_id,
                      uint64_t now_unix_ms, uint64_t until_unix_ms, struct error *err);

/* Removes up to `most` whose time is over. Needs an open transaction. */
int store_dedupe_expire(struct store *store, uint64_t now_unix_ms, unsigned most, struct error *err);

/*
 * Of what counts in this bucket, as far as it was noted: 1 and the time of the one that was `count` from the newest (which is
 * the first); 0 when there were not so many.
 */
int store_rate_find(struct store *store, const char *bucket, uint32_t count, uint64_t *ret_unix_ms, struct error *err);

/* One more. Only the newest `count` are kept. Part of the transaction that adds the job. */
int store_rate_note(struct store *store, const char *bucket, uint32_t count, uint64_t now_unix_ms, struct error *err);

/* Removes all from before this time: of buckets that nobody uses any more. Walks over all of them. */
int store_rates_expire(struct store *store, uint64_t before_unix_ms, struct error *err);

struct paused_command {
    char command[NAME_MAX_BYTES];
    bool refuses;
    char reason[REASON_MAX_BYTES];
    char actor[NAME_MAX_BYTES];
    uint64_t since_unix_ms;
};

/* Both need an open transaction. A command that is paused again is paused as said last. */
int store_pause(struct store *store, const struct paused_command *paused, struct error *err);
int store_resume(struct store *store, const char *command, struct error *err);

/* Called for each; false ends the walk. */
typedef bool store_visit_paused(void *arg, const struct paused_command *paused);
int store_paused(struct store *store, store_visit_paused *visit, void *arg, struct error *err);
