#include "sallyport/schedule/timing.h"

#include "zones.h"

static struct timing timing_of(enum schedule_form form, const char *text, const char *zone, uint32_t jitter_ms,
                               enum missed_policy missed)
{
    struct timing timing = { .name = "nightly", .zone = test_zone(zone), .jitter_ms = jitter_ms, .missed = missed };
    cr_assert_eq(schedule_parse(form, text, &timing.schedule, NULL), 0);
    return timing;
}

Test(timing, delays_by_the_name_and_the_nominal_time_alone)
{
    struct timing timing = timing_of(SCHEDULE_CRON, "30 3 * * *", "UTC", 600000, MISSED_SKIP), again = timing;
    char copy[] = "nightly";
    again.name = copy;
    again.missed = MISSED_RUN_ALL;
    uint64_t nominal = test_unix_ms("2025-01-01T03:30:00Z"), sum = 0;
    unsigned differ_by_name = 0, tenths[10] = { 0 };
    for (unsigned day = 0; day < 2000; day++, nominal += DAY_S * 1000) {
        uint64_t due = timing_due_unix_ms(&timing, nominal);
        cr_assert(due >= nominal && due < nominal + 600000);
        cr_assert_eq(timing_due_unix_ms(&again, nominal), due);
        again.name = "weekly";
        differ_by_name += timing_due_unix_ms(&again, nominal) != due;
        again.name = copy;
        tenths[(due - nominal) / 60000]++;
        sum += due - nominal;
    }
    cr_expect_gt(differ_by_name, 1990);
    cr_expect(sum / 2000 > 280000 && sum / 2000 < 320000, "mean %lu", sum / 2000);
    for (unsigned i = 0; i < 10; i++)
        cr_expect(tenths[i] > 120 && tenths[i] < 280, "tenth %u has %u of 2000", i, tenths[i]);
}

/* Records outlive a build: what was due then is due at the same moment now. */
Test(timing, keeps_its_delays_from_release_to_release)
{
    struct timing timing = timing_of(SCHEDULE_CRON, "30 3 * * *", "UTC", 600000, MISSED_SKIP);
    uint64_t nominal = test_unix_ms("2025-01-01T03:30:00Z");
    cr_expect_eq(timing_due_unix_ms(&timing, nominal) - nominal, 51876, "%lu",
                 timing_due_unix_ms(&timing, nominal) - nominal);
    timing.name = "x";
    cr_expect_eq(timing_due_unix_ms(&timing, nominal) - nominal, 511991, "%lu",
                 timing_due_unix_ms(&timing, nominal) - nominal);
    timing.jitter_ms = 0;
    cr_expect_eq(timing_due_unix_ms(&timing, nominal), nominal);
    timing.jitter_ms = 1;
    cr_expect_eq(timing_due_unix_ms(&timing, nominal), nominal);
}

/* A service that was stopped from one moment to the other. */
static const struct pause {
    enum schedule_form form;
    const char *text, *zone;
    enum missed_policy missed;
    const char *seen, *now;
    uint32_t count, run_count;
    const char *first_run, *last_run, *seen_then;
} pauses[] = {
    /* a week */
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_SKIP, "2025-05-01T03:30:00Z", "2025-05-08T12:00:00Z", 7, 0, NULL, NULL,
      "2025-05-08T03:30:00Z" },
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_RUN_ONCE, "2025-05-01T03:30:00Z", "2025-05-08T12:00:00Z", 7, 1,
      "2025-05-08T03:30:00Z", "2025-05-08T03:30:00Z", "2025-05-08T03:30:00Z" },
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_RUN_ALL, "2025-05-01T03:30:00Z", "2025-05-08T12:00:00Z", 7, 7,
      "2025-05-02T03:30:00Z", "2025-05-08T03:30:00Z", "2025-05-08T03:30:00Z" },
    { SCHEDULE_CRON, "0 * * * *", "UTC", MISSED_RUN_ALL, "2025-05-01T03:00:00Z", "2025-05-08T03:30:00Z", 168, 100,
      "2025-05-04T00:00:00Z", "2025-05-08T03:00:00Z", "2025-05-08T03:00:00Z" },
    { SCHEDULE_EVERY, "1m", "UTC", MISSED_RUN_ALL, "2025-05-01T00:00:00Z", "2025-05-08T00:00:30Z", 1000, 100,
      "2025-05-07T22:21:00Z", "2025-05-08T00:00:00Z", "2025-05-08T00:00:00Z" },
    /* a week with a repeated hour, and one with a missing one */
    { SCHEDULE_CRON, "30 2 * * *", "Europe/Berlin", MISSED_RUN_ALL, "2025-10-22T02:30:00+02:00",
      "2025-10-29T02:30:00+01:00", 7, 7, "2025-10-23T02:30:00+02:00", "2025-10-29T02:30:00+01:00",
      "2025-10-29T02:30:00+01:00" },
    { SCHEDULE_CRON, "30 2 * * *", "Europe/Berlin", MISSED_RUN_ALL, "2025-03-26T02:30:00+01:00",
      "2025-04-02T02:30:00+02:00", 7, 7, "2025-03-27T02:30:00+01:00", "2025-04-02T02:30:00+02:00",
      "2025-04-02T02:30:00+02:00" },
    { SCHEDULE_CRON, "0 * * * *", "Europe/Berlin", MISSED_SKIP, "2025-10-26T00:00:00+02:00",
      "2025-10-27T00:30:00+01:00", 25, 0, NULL, NULL, "2025-10-27T00:00:00+01:00" },
    /* nothing came */
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_RUN_ALL, "2025-05-01T03:30:00Z", "2025-05-02T03:29:59Z", 0, 0, NULL,
      NULL, "2025-05-01T03:30:00Z" },
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_RUN_ALL, "2025-05-01T03:30:00Z", "2025-05-01T03:30:00Z", 0, 0, NULL,
      NULL, "2025-05-01T03:30:00Z" },
    /* the clock was set back */
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_RUN_ALL, "2025-05-08T03:30:00Z", "2025-05-02T03:30:00Z", 0, 0, NULL,
      NULL, "2025-05-08T03:30:00Z" },
    /* late, and not missed: up to a minute, whatever the policy */
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_SKIP, "2025-05-01T03:30:00Z", "2025-05-02T03:30:00Z", 1, 1,
      "2025-05-02T03:30:00Z", "2025-05-02T03:30:00Z", "2025-05-02T03:30:00Z" },
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_SKIP, "2025-05-01T03:30:00Z", "2025-05-02T03:31:00Z", 1, 1,
      "2025-05-02T03:30:00Z", "2025-05-02T03:30:00Z", "2025-05-02T03:30:00Z" },
    { SCHEDULE_CRON, "30 3 * * *", "UTC", MISSED_SKIP, "2025-05-01T03:30:00Z", "2025-05-02T03:31:01Z", 1, 0, NULL, NULL,
      "2025-05-02T03:30:00Z" },
    { SCHEDULE_EVERY, "1s", "UTC", MISSED_SKIP, "2025-05-01T00:00:00Z", "2025-05-01T00:00:05Z", 5, 1,
      "2025-05-01T00:00:05Z", "2025-05-01T00:00:05Z", "2025-05-01T00:00:05Z" },
    /* one moment, which passed while nobody looked */
    { SCHEDULE_AT, "2025-05-01T18:00:00Z", "UTC", MISSED_RUN_ONCE, "2025-04-01T00:00:00Z", "2025-06-01T00:00:00Z", 1, 1,
      "2025-05-01T18:00:00Z", "2025-05-01T18:00:00Z", "2025-05-01T18:00:00Z" },
    { SCHEDULE_AT, "2025-05-01T18:00:00Z", "UTC", MISSED_SKIP, "2025-04-01T00:00:00Z", "2025-06-01T00:00:00Z", 1, 0,
      NULL, NULL, "2025-05-01T18:00:00Z" },
    { SCHEDULE_AT, "2025-05-01T18:00:00Z", "UTC", MISSED_RUN_ALL, "2025-05-01T18:00:00Z", "2025-06-01T00:00:00Z", 0, 0,
      NULL, NULL, "2025-05-01T18:00:00Z" },
};

Test(timing, finds_what_was_missed)
{
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        const struct pause *pause = &pauses[i];
        struct timing timing = timing_of(pause->form, pause->text, pause->zone, 0, pause->missed);
        struct catch_up got;
        timing_catch_up(&timing, test_unix_ms(pause->seen), test_unix_ms(pause->now), &got);
        cr_expect_eq(got.count, pause->count, "pause %zu: %u", i, got.count);
        cr_expect_eq(got.seen_unix_ms, test_unix_ms(pause->seen_then), "pause %zu", i);
        cr_assert_eq(got.run_count, pause->run_count, "pause %zu: %u", i, got.run_count);
        if (got.run_count == 0)
            continue;
        cr_expect_eq(got.run_unix_ms[0], test_unix_ms(pause->first_run), "pause %zu", i);
        cr_expect_eq(got.run_unix_ms[got.run_count - 1], test_unix_ms(pause->last_run), "pause %zu", i);
        for (uint32_t k = 1; k < got.run_count; k++)
            cr_expect_gt(got.run_unix_ms[k], got.run_unix_ms[k - 1]);
    }
}

/* Between its nominal and its due time a run is neither missed nor settled. */
Test(timing, waits_for_the_delay_of_a_run)
{
    struct timing timing = timing_of(SCHEDULE_CRON, "30 3 * * *", "UTC", 3600000, MISSED_SKIP);
    uint64_t seen = test_unix_ms("2025-05-01T03:30:00Z"), nominal = test_unix_ms("2025-05-02T03:30:00Z");
    uint64_t due = timing_due_unix_ms(&timing, nominal);
    struct catch_up got;
    cr_assert_gt(due, nominal + 1);
    timing_catch_up(&timing, seen, due - 1, &got);
    cr_expect_eq(got.count, 0);
    cr_expect_eq(got.seen_unix_ms, seen);
    timing_catch_up(&timing, seen, due, &got);
    cr_expect_eq(got.run_count, 1);
    cr_expect_eq(got.run_unix_ms[0], nominal);
    timing_catch_up(&timing, got.seen_unix_ms, due, &got);
    cr_expect_eq(got.count, 0, "it would run twice");
    timing_catch_up(&timing, seen - 1, due - 1, &got);
    cr_expect_eq(got.count, 1, "the one before is missed all the same");
    cr_expect_eq(got.seen_unix_ms, seen);
}

/* However often somebody looks, or is stopped meanwhile, each run comes exactly once. */
Test(timing, runs_each_time_once_however_often_it_is_asked)
{
    struct timing timing = timing_of(SCHEDULE_CRON, "*/10 * * * *", "Europe/Berlin", 600000, MISSED_RUN_ALL);
    uint64_t seen = test_unix_ms("2025-03-29T22:00:00Z"), now = seen, expected, step = 1;
    unsigned runs = 0;
    cr_assert(schedule_next(&timing.schedule, timing.zone, seen, &expected));
    while (now < test_unix_ms("2025-03-31T22:00:00Z")) {
        struct catch_up got;
        timing_catch_up(&timing, seen, now, &got);
        for (uint32_t i = 0; i < got.run_count; i++, runs++) {
            cr_assert_eq(got.run_unix_ms[i], expected);
            cr_assert_leq(timing_due_unix_ms(&timing, expected), now);
            cr_assert(schedule_next(&timing.schedule, timing.zone, expected, &expected));
        }
        seen = got.seen_unix_ms;
        step = step * 7919 % 5000011;
        now += step;
    }
    cr_expect_gt(runs, 280);
}
