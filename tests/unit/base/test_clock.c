#include "sallyport/base/clock.h"

#include <criterion/criterion.h>

Test(clock, finds_times_near_whichever_way_the_clock_went)
{
    cr_expect(clock_is_near(1000, 1000, 1));
    cr_expect(clock_is_near(1099, 1000, 100));
    cr_expect_not(clock_is_near(1100, 1000, 100));
    cr_expect(clock_is_near(1000, 1099, 100), "it was set back a little");
    cr_expect_not(clock_is_near(1000, 1000000, 100), "it was set back by far");
    cr_expect_not(clock_is_near(0, UINT64_MAX, UINT64_MAX));
}
