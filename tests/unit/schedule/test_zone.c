#include "sallyport/schedule/zone.h"

#include "zones.h"

Test(zone, gives_local_time)
{
    static const struct {
        const char *zone, *utc;
        int64_t offset_s;
    } cases[] = {
        { "UTC", "2025-07-01T00:00:00Z", 0 },
        { "Europe/Berlin", "2025-03-30T00:59:59Z", 3600 },
        { "Europe/Berlin", "2025-03-30T01:00:00Z", 7200 },
        { "Europe/Berlin", "2025-10-26T00:59:59Z", 7200 },
        { "Europe/Berlin", "2025-10-26T01:00:00Z", 3600 },
        { "Europe/Berlin", "1980-01-01T00:00:00Z", 3600 }, /* before the table: as at its begin */
        { "Europe/Berlin", "2090-07-01T00:00:00Z", 3600 }, /* and behind it as at its end */
        { "Australia/Lord_Howe", "2025-04-05T15:00:00Z", 37800 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t unix_s = test_unix_s(cases[i].utc);
        cr_expect_eq(zone_local_s(test_zone(cases[i].zone), unix_s) - unix_s, cases[i].offset_s, "case %zu", i);
    }
}

/* For a local time: the first moment that shows it, or the first behind the gap. */
Test(zone, finds_the_first_moment_of_a_local_time)
{
    static const struct {
        const char *zone, *local, *moment;
    } cases[] = {
        { "UTC", "2025-02-01T10:00:00Z", "2025-02-01T10:00:00Z" },
        { "Europe/Berlin", "2025-03-30T01:59:59Z", "2025-03-30T01:59:59+01:00" },
        { "Europe/Berlin", "2025-03-30T02:00:00Z", "2025-03-30T03:00:00+02:00" },
        { "Europe/Berlin", "2025-03-30T02:59:59Z", "2025-03-30T03:00:00+02:00" },
        { "Europe/Berlin", "2025-03-30T03:00:00Z", "2025-03-30T03:00:00+02:00" },
        { "Europe/Berlin", "2025-10-26T01:59:59Z", "2025-10-26T01:59:59+02:00" },
        { "Europe/Berlin", "2025-10-26T02:00:00Z", "2025-10-26T02:00:00+02:00" },
        { "Europe/Berlin", "2025-10-26T02:59:59Z", "2025-10-26T02:59:59+02:00" },
        { "Europe/Berlin", "2025-10-26T03:00:00Z", "2025-10-26T03:00:00+01:00" },
        { "America/New_York", "2025-03-09T02:30:00Z", "2025-03-09T03:00:00-04:00" },
        { "America/New_York", "2025-11-02T01:30:00Z", "2025-11-02T01:30:00-04:00" },
        { "Australia/Lord_Howe", "2025-10-05T02:10:00Z", "2025-10-05T02:30:00+11:00" },
        { "Australia/Lord_Howe", "2025-04-06T01:45:00Z", "2025-04-06T01:45:00+11:00" },
        { "Africa/Casablanca", "2025-04-06T02:30:00Z", "2025-04-06T03:00:00+01:00" },
        { "Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-31T00:00:00+14:00" }, /* a day that was left out */
        { "Europe/Berlin", "2090-07-01T00:00:00Z", "2090-07-01T00:00:00+01:00" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(zone_unix_s(test_zone(cases[i].zone), test_unix_s(cases[i].local)), test_unix_s(cases[i].moment),
                     "%s in %s", cases[i].local, cases[i].zone);
}

/* Slow and obvious: minute by minute, the first that shows at least this local time. */
Test(zone, agrees_with_a_walk)
{
    for (size_t i = 0; i < TEST_ZONE_COUNT; i++) {
        const struct zone *zone = &test_zones[i];
        for (uint32_t k = 1; k < zone->period_count; k++) {
            int64_t around = zone->periods[k].from_unix_s, begin = around - 2 * DAY_S;
            for (int64_t local_s = around - DAY_S; local_s < around + DAY_S; local_s += 599) {
                int64_t unix_s = begin;
                while (zone_local_s(zone, unix_s) < local_s)
                    unix_s++;
                int64_t found = zone_unix_s(zone, local_s);
                cr_assert_eq(found, unix_s > begin ? unix_s : found, "%s %ld", zone->name, (long)local_s);
            }
        }
    }
}

Test(zone, spans_know_what_was_shown_before)
{
    const struct zone *berlin = test_zone("Europe/Berlin"), *made_up = test_zone("Made/Up");
    struct zone_span gap = zone_span(berlin, 1), twice = zone_span(berlin, 2);
    cr_expect_eq(gap.from_unix_s + gap.offset_s - gap.seen_local_s, 3600);
    cr_expect_eq(twice.from_unix_s + twice.offset_s - twice.seen_local_s, -3600);
    cr_expect_eq(zone_span(made_up, 3).seen_local_s, 1700100000 + 7200, "not what the period before ended with");
    cr_expect_eq(zone_span(berlin, 0).from_unix_s + 3600, zone_span(berlin, 0).seen_local_s);
    cr_expect_eq(zone_find_period(berlin, INT64_MIN), 0);
    cr_expect_eq(zone_find_period(berlin, 1711846799), 0);
    cr_expect_eq(zone_find_period(berlin, 1711846800), 1);
    cr_expect_eq(zone_find_period(berlin, INT64_MAX), 4);
}

static const struct {
    struct zone zone;
    const char *why;
} tables[] = {
    { ZONE("X", { 0, 0 }), NULL },
    { ZONE("X", { 0, 26 * 3600 }, { 1, -26 * 3600 }), NULL },
    { ZONE("", { 0, 0 }), "has no name" },
    { { .name = "X" }, "has no period" },
    { ZONE("X", { 0, 26 * 3600 + 1 }), "has an offset of more than 26 hours" },
    { ZONE("X", { 0, 0 }, { 1, INT64_MIN }), "has an offset of more than 26 hours" },
    { ZONE("X", { 5, 0 }, { 5, 1 }), "has periods out of order" },
    { ZONE("X", { 5, 0 }, { 4, 1 }), "has periods out of order" },
    { ZONE("X", { INT64_MIN, 0 }), "has a period out of all time" },
    { ZONE("X", { INT64_MAX, 0 }), "has a period out of all time" },
    { { .name = "X", .period_count = ZONE_PERIOD_COUNT_MAX + 1 }, "has too many periods" },
};

Test(zone, refuses_tables_that_make_no_sense)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const char *why = zone_fault(&tables[i].zone);
        cr_expect(why == tables[i].why || (why != NULL && tables[i].why != NULL && strcmp(why, tables[i].why) == 0),
                  "table %zu: %s", i, why);
    }
    for (size_t i = 0; i < TEST_ZONE_COUNT; i++)
        cr_expect_null(zone_fault(&test_zones[i]), "%s", test_zones[i].name);
    cr_expect_null(zone_fault(&zone_utc));
}
