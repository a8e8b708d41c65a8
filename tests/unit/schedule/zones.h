/*
 * Zones as tzdata 2025b has them, for two years that are past and stay as they were; and times as people write them.
 */
#pragma once

#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/schedule/civil.h"
#include "sallyport/schedule/zone.h"

#define ZONE(the_name, ...)                                                                                            \
    {                                                                                                                  \
        .name = (the_name), .periods = (struct zone_period[]){ __VA_ARGS__ },                                          \
        .period_count = sizeof((struct zone_period[]){ __VA_ARGS__ }) / sizeof(struct zone_period)                     \
    }

/* The last is made up: twice as many local times as hours, and a period that is shorter than what it repeats. */
static const struct zone test_zones[] = {
    ZONE("UTC", { 0, 0 }),
    ZONE("Europe/Berlin", { 1704067200, 3600 }, { 1711846800, 7200 }, { 1729990800, 3600 }, { 1743296400, 7200 },
         { 1761440400, 3600 }),
    ZONE("America/New_York", { 1704067200, -18000 }, { 1710054000, -14400 }, { 1730613600, -18000 },
         { 1741503600, -14400 }, { 1762063200, -18000 }),
    ZONE("Australia/Lord_Howe", { 1704067200, 39600 }, { 1712415600, 37800 }, { 1728142200, 39600 },
         { 1743865200, 37800 }, { 1759591800, 39600 }),
    ZONE("Africa/Casablanca", { 1704067200, 3600 }, { 1710036000, 0 }, { 1713060000, 3600 }, { 1740276000, 0 },
         { 1743904800, 3600 }),
    ZONE("Pacific/Apia", { 1309000000, -36000 }, { 1325239200, 50400 }, { 1333202400, 46800 }),
    ZONE("Made/Up", { 1700000000, 7200 }, { 1700100000, -3600 }, { 1700101800, -7200 }, { 1700103600, 20 },
         { 1700200000, 93600 }),
};

#define TEST_ZONE_COUNT (sizeof test_zones / sizeof test_zones[0])

static inline const struct zone *test_zone(const char *name)
{
    for (size_t i = 0; i < TEST_ZONE_COUNT; i++)
        if (strcmp(test_zones[i].name, name) == 0)
            return &test_zones[i];
    cr_assert_fail("no zone %s", name);
    return NULL;
}

/* "2025-03-30T03:00:00+02:00" */
static inline int64_t test_unix_s(const char *text)
{
    int64_t day, clock_s, offset_s;
    const char *at = text, *why = civil_read_date(&at, &day);
    cr_assert_null(why, "%s: %s", text, why);
    at++;
    why = civil_read_clock(&at, &clock_s);
    cr_assert_null(why, "%s: %s", text, why);
    why = civil_read_offset(&at, &offset_s);
    cr_assert_null(why, "%s: %s", text, why);
    return day * DAY_S + clock_s - offset_s;
}

static inline uint64_t test_unix_ms(const char *text)
{
    return (uint64_t)test_unix_s(text) * 1000;
}
