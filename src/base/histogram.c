#include "sallyport/base/histogram.h"

void histogram_add(struct histogram *histogram, histogram_bounds_us bounds_us, uint64_t value_us)
{
    unsigned range = 0;
    while (range < HISTOGRAM_BOUNDS && value_us > bounds_us[range])
        range++;
    histogram->counts[range]++;
    histogram->sum_us += value_us;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
        count += histogram->counts[i];
    return count;
}
