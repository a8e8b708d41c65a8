/*
 * How long things took, counted in ranges. No memory of its own and no opinion about what is measured: whoever counts
 * brings the bounds.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_BOUNDS 12

/* The largest value of each range but the last, which has none; ascending. */
typedef const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each range alone */
    uint64_t sum_us;
};

/* A value on a bound belongs below it. */
void histogram_add(struct histogram *histogram, histogram_bounds_us bounds_us, uint64_t value_us);

uint64_t histogram_count(const struct histogram *histogram);
