/*
 * Refusals of callers whom nobody knows, and faults of a process that was let go for them: one audit entry for an address, a cause
 * and ten seconds, with a count. Otherwise a stranger could fill the disk with records of being turned away.
 */
#pragma once

#include <stdint.h>

#include "sallyport/limits.h"
#include "sallyport/store/store.h"

struct keeper;

#define REFUSALS_ADDRESSES 64 /* remembered at once; the rest share one entry */
#define REFUSALS_WINDOW_MS 10000

#define REFUSALS_REMARK_BYTES (NAME_MAX_BYTES + 64)

struct refusals {
    enum audit_what what;
    const char *others; /* the cause of the entry that many share */
    struct {
        char address[ADDRESS_MAX_BYTES], remark[REFUSALS_REMARK_BYTES];
        uint64_t since_ms; /* monotonic; 0: free */
        uint32_t held_back;
    } rows[REFUSALS_ADDRESSES];
};

/* refusals: one of the keeper's. cause: for the trail. */
void refusals_note(struct keeper *keeper, struct refusals *refusals, const char *address, const char *cause);

/* Writes down what was held back longer than the window. */
void refusals_flush(struct keeper *keeper, struct refusals *refusals);
