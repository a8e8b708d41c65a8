#include <criterion/criterion.h>

#include "restart.h"

#define NOW_MS 1000000

Test(restart, is_at_once_for_a_process_that_had_lived)
{
    struct restart restart = { 0 };
    restart_started(&restart, NOW_MS);
    cr_assert_eq(restart_wait_ms(&restart, NOW_MS), -1);
    cr_assert(restart_plan(&restart, NOW_MS + QUICK_DEATH_MS));
    cr_assert_eq(restart_wait_ms(&restart, NOW_MS + QUICK_DEATH_MS), 0);
}

Test(restart, waits_twice_as_long_after_each_quick_death_and_gives_up_at_the_tenth)
{
    static const int pauses_ms[QUICK_DEATHS_MAX] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000 };
    struct restart restart = { 0 };
    uint64_t now_ms = NOW_MS;
    for (unsigned i = 0; i < QUICK_DEATHS_MAX; i++) {
        restart_started(&restart, now_ms);
        now_ms += QUICK_DEATH_MS - 1;
        cr_assert_eq(restart_plan(&restart, now_ms), i + 1 < QUICK_DEATHS_MAX, "death %u", i + 1);
        cr_assert_eq(restart_wait_ms(&restart, now_ms), pauses_ms[i], "death %u", i + 1);
        now_ms = restart.due_ms;
        cr_assert_eq(restart_wait_ms(&restart, now_ms), 0);
    }
}

Test(restart, forgets_quick_deaths_once_a_process_has_lived)
{
    struct restart restart = { 0 };
    restart_started(&restart, NOW_MS);
    for (unsigned i = 0; i + 1 < QUICK_DEATHS_MAX; i++)
        cr_assert(restart_plan(&restart, NOW_MS));
    cr_assert(restart_plan(&restart, NOW_MS + QUICK_DEATH_MS));
    restart_started(&restart, NOW_MS + QUICK_DEATH_MS);
    cr_assert(restart_plan(&restart, NOW_MS + QUICK_DEATH_MS));
    cr_assert_eq(restart_wait_ms(&restart, NOW_MS + QUICK_DEATH_MS), RESTART_FIRST_MS);
}
