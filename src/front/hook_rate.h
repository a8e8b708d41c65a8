/*
 * Deliveries of each address to each hook, so that nobody has the keeper hash for him without end. Of an IPv6 address the first
 * 64 bits count. Each address has a row over all names, too, and names that are no hooks have none of their own. A table of fixed
 * size: who comes from very many addresses pushes others out of it, who are counted from the start again, and is still one of
 * few that are looked at at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/job/quota.h"

struct error;

#define HOOK_RATE_SETS          256
#define HOOK_RATE_ROWS_IN_A_SET 4

struct hook_rates {
    uint64_t seed; /* random: which rows meet in a set is nobody's to choose; and what a hook that is none looks like */
    struct {
        uint64_t who;      /* a keyed hash of hook ("": all) and address; 0: free */
        uint64_t since_ms; /* monotonic: when its window began */
        uint32_t count;
    } rows[HOOK_RATE_SETS][HOOK_RATE_ROWS_IN_A_SET];
};

/* -errno only if the kernel gives no random bytes. */
int hook_rates_init(struct hook_rates *rates, struct error *err);

/* Counts one more. False: it is one too many, and there is room again after *ret_left_ms. */
bool hook_rate_take(struct hook_rates *rates, const char *hook, const char *address, const struct rate *rate,
                    uint64_t now_ms, uint64_t *ret_left_ms);

/* A number that is always the same for a name, and not to be guessed. */
uint64_t hook_rates_mix(const struct hook_rates *rates, const char *name);
