/*
 * How much of the service somebody may have: a caller, or all callers together. Plain numbers, and 0 is no limit; the keeper
 * acts on them (src/keeper/share.h, src/keeper/rate.h).
 */
#pragma once

#include <stdint.h>

/* In no period of this length more than so many jobs are accepted. */
struct rate {
    uint32_t count;
    uint64_t period_ms;
};

struct quota {
    uint32_t running; /* jobs that have a slot */
    uint32_t waiting;
    struct rate rate;
};
