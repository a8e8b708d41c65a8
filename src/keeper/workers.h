/* The keeper's threads beside its loop, as they are handed from its lockdown to its life. */
#pragma once

#include "unlinker.h"
#include "verifier.h"

struct workers {
    struct unlinker unlinker;
    struct verifier verifier;
};

static inline void workers_stop(struct workers *workers)
{
    unlinker_stop(&workers->unlinker);
    verifier_stop(&workers->verifier);
}
