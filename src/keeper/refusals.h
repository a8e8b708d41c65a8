/*
 * Refusals of callers whom nobody knows: one audit entry for an address, a cause and ten seconds, with a count. Otherwise a stranger
 * could fill the disk with records of being turned away.
 */
#pragma once

#include <stdint.h>

#include "sallyport/limits.h"

struct keeper;

#define REFUSALS_ADDRESSES 64 /* remembered at once; the rest share one entry */
#define REFUSALS_WINDOW_MS 10000

#define REFUSALS_REMARK_BYTES (NAME_MAX_BYTES + 64)

struct refusals {
    struct {
        char address[ADDRESS_MAX_BYTES], remark[REFUSALS_REMARK_BYTES];
        uint64_t since_ms; /* monotonic; 0: free */
        uint32_t held_back;
    } rows[REFUSALS_ADDRESSES];
};

/* remark: the cause, for the trail. */
void refusals_note(struct keeper *keeper, const char *address, const char *remark);

/* Writes down what was held back longer than the window. */
void refusals_flush(struct keeper *keeper);
