#include <criterion/criterion.h>

#include "sallyport/base/histogram.h"

static histogram_bounds_us bounds = { 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 1000 };

Test(histogram, counts_a_value_on_a_bound_below_it)
{
    struct histogram histogram = { 0 };
    static const uint64_t values[] = { 0, 10, 11, 20, 1000, 1001, UINT32_MAX };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        histogram_add(&histogram, bounds, values[i]);
    cr_expect_eq(histogram.counts[0], 2);
    cr_expect_eq(histogram.counts[1], 2);
    cr_expect_eq(histogram.counts[HISTOGRAM_BOUNDS - 1], 1);
    cr_expect_eq(histogram.counts[HISTOGRAM_BOUNDS], 2, "what is above all bounds");
    cr_expect_eq(histogram.sum_us, 0 + 10 + 11 + 20 + 1000 + 1001 + (uint64_t)UINT32_MAX);
    cr_expect_eq(histogram_count(&histogram), 7);
}

Test(histogram, is_empty_when_it_is_zero)
{
    struct histogram histogram = { 0 };
    cr_expect_eq(histogram_count(&histogram), 0);
}
