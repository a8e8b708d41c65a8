/* When schedules fire: tables of a text, a zone, a moment, and the fire times that follow it. */
#include "sallyport/schedule/schedule.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "zones.h"

#define TIMES_MAX 12
#define NEVER     "never"

struct fires {
    enum schedule_form form;
    const char *text, *zone, *after;
    const char *times[TIMES_MAX]; /* the next ones, in order, and NEVER when nothing follows */
};

static struct schedule parse(enum schedule_form form, const char *text)
{
    struct schedule schedule;
    struct error err = { 0 };
    cr_assert_eq(schedule_parse(form, text, &schedule, &err), 0, "'%s': %s", text, err.text);
    return schedule;
}

static void expect_fires(const struct fires *fires)
{
    struct schedule schedule = parse(fires->form, fires->text);
    const struct zone *zone = test_zone(fires->zone);
    uint64_t at = test_unix_ms(fires->after), before = 0;
    char got[CLOCK_TEXT_BYTES], wanted[CLOCK_TEXT_BYTES];
    for (unsigned i = 0; i < TIMES_MAX && fires->times[i] != NULL; i++) {
        uint64_t next = 0, last = 0;
        if (strcmp(fires->times[i], NEVER) == 0) {
            cr_expect_not(schedule_next(&schedule, zone, at, &next), "'%s' once more", fires->text);
            break;
        }
        uint64_t time = test_unix_ms(fires->times[i]);
        cr_assert(schedule_next(&schedule, zone, at, &next), "'%s' never after %s", fires->text, clock_text(at, got));
        cr_assert_eq(next, time, "'%s' in %s, time %u: %s, not %s", fires->text, fires->zone, i, clock_text(next, got),
                     clock_text(time, wanted));
        cr_assert(schedule_last(&schedule, zone, next, &last));
        cr_expect_eq(last, next, "'%s', back to %s: %s", fires->text, clock_text(next, wanted), clock_text(last, got));
        if (before > 0) {
            cr_assert(schedule_last(&schedule, zone, next - 1, &last));
            cr_expect_eq(last, before, "'%s', back from %s: %s", fires->text, clock_text(next, wanted),
                         clock_text(last, got));
        }
        before = at = next;
    }
}

#define EXPECT_FIRES(table)                                                                                            \
    for (size_t line = 0; line < sizeof(table) / sizeof((table)[0]); line++)                                           \
    expect_fires(&(table)[line])

Test(schedule, fires_by_cron_over_the_year)
{
    static const struct fires table[] = {
        { SCHEDULE_CRON,
          "30 3 * * *",
          "UTC",
          "2025-02-27T03:30:00Z",
          { "2025-02-28T03:30:00Z", "2025-03-01T03:30:00Z", "2025-03-02T03:30:00Z" } },
        { SCHEDULE_CRON, "30 3 * * *", "UTC", "2025-02-27T03:29:59Z", { "2025-02-27T03:30:00Z" } },
        { SCHEDULE_CRON,
          "* * * * *",
          "UTC",
          "2025-12-31T23:58:30Z",
          { "2025-12-31T23:59:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z" } },
        { SCHEDULE_CRON,
          "0 0 31 * *",
          "UTC",
          "2025-01-31T00:00:00Z",
          { "2025-03-31T00:00:00Z", "2025-05-31T00:00:00Z", "2025-07-31T00:00:00Z", "2025-08-31T00:00:00Z",
            "2025-10-31T00:00:00Z", "2025-12-31T00:00:00Z", "2026-01-31T00:00:00Z" } },
        { SCHEDULE_CRON,
          "0 12 29 2 *",
          "UTC",
          "2023-01-01T00:00:00Z",
          { "2024-02-29T12:00:00Z", "2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z" } },
        { SCHEDULE_CRON, "0 12 29 2 *", "UTC", "2096-02-29T12:00:00Z", { "2104-02-29T12:00:00Z" } },
        { SCHEDULE_CRON,
          "0 9 * * mon-fri",
          "UTC",
          "2025-05-02T09:00:00Z",
          { "2025-05-05T09:00:00Z", "2025-05-06T09:00:00Z" } },
        { SCHEDULE_CRON,
          "0 0 13 * 5",
          "UTC",
          "2025-06-06T00:00:00Z", /* the 13th, and Fridays */
          { "2025-06-13T00:00:00Z", "2025-06-20T00:00:00Z", "2025-06-27T00:00:00Z", "2025-07-04T00:00:00Z",
            "2025-07-11T00:00:00Z", "2025-07-13T00:00:00Z" } },
        { SCHEDULE_CRON,
          "0 0 */2 * 5",
          "UTC",
          "2025-06-06T00:00:00Z", /* Fridays with an odd date */
          { "2025-06-13T00:00:00Z", "2025-06-27T00:00:00Z", "2025-07-11T00:00:00Z" } },
        { SCHEDULE_CRON,
          "0 0 30 2 1",
          "UTC",
          "2025-02-17T00:00:00Z",
          { "2025-02-24T00:00:00Z", "2026-02-02T00:00:00Z" } },
        { SCHEDULE_CRON,
          "0 0 29 2 */6",
          "UTC",
          "2025-01-01T00:00:00Z", /* a leap day at a weekend */
          { "2032-02-29T00:00:00Z", "2048-02-29T00:00:00Z", "2060-02-29T00:00:00Z" } },
        { SCHEDULE_CRON, "@hourly", "UTC", "2025-12-31T22:30:00Z", { "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z" } },
        { SCHEDULE_CRON, "@weekly", "UTC", "2025-12-25T00:00:00Z", { "2025-12-28T00:00:00Z", "2026-01-04T00:00:00Z" } },
        { SCHEDULE_CRON,
          "@monthly",
          "UTC",
          "2025-12-25T00:00:00Z",
          { "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z" } },
        { SCHEDULE_CRON, "@yearly", "UTC", "2025-12-25T00:00:00Z", { "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z" } },
        { SCHEDULE_CRON, "0 0 1 1 *", "UTC", "9998-06-01T00:00:00Z", { "9999-01-01T00:00:00Z", NEVER } },
    };
    EXPECT_FIRES(table);
}

/* A listed hour that is missing runs at the first moment behind the gap; one that comes twice runs the first time. */
Test(schedule, runs_a_listed_hour_once_when_the_clock_jumps)
{
    static const struct fires table[] = {
        { SCHEDULE_CRON,
          "30 2 * * *",
          "Europe/Berlin",
          "2025-03-29T00:00:00Z",
          { "2025-03-29T02:30:00+01:00", "2025-03-30T03:00:00+02:00", "2025-03-31T02:30:00+02:00" } },
        { SCHEDULE_CRON,
          "30 2 * * *",
          "Europe/Berlin",
          "2025-10-25T00:00:00Z",
          { "2025-10-25T02:30:00+02:00", "2025-10-26T02:30:00+02:00", "2025-10-27T02:30:00+01:00" } },
        { SCHEDULE_CRON,
          "30 2 * * *",
          "Europe/Berlin",
          "2025-10-26T02:29:59+01:00", /* in the second pass */
          { "2025-10-27T02:30:00+01:00" } },
        { SCHEDULE_CRON,
          "0,20,40 2 * * *",
          "Europe/Berlin",
          "2025-03-29T20:00:00Z",
          { "2025-03-30T03:00:00+02:00", "2025-03-31T02:00:00+02:00", "2025-03-31T02:20:00+02:00" } },
        { SCHEDULE_CRON,
          "30 2,3 * * *",
          "Europe/Berlin",
          "2025-03-29T20:00:00Z",
          { "2025-03-30T03:00:00+02:00", "2025-03-30T03:30:00+02:00", "2025-03-31T02:30:00+02:00" } },
        { SCHEDULE_CRON,
          "0 2,3 * * *",
          "Europe/Berlin",
          "2025-03-29T20:00:00Z", /* both are that moment */
          { "2025-03-30T03:00:00+02:00", "2025-03-31T02:00:00+02:00" } },
        { SCHEDULE_CRON,
          "*/20 2 * * *",
          "Europe/Berlin",
          "2025-10-25T20:00:00Z", /* the minutes do not matter */
          { "2025-10-26T02:00:00+02:00", "2025-10-26T02:20:00+02:00", "2025-10-26T02:40:00+02:00",
            "2025-10-27T02:00:00+01:00" } },
        { SCHEDULE_CRON,
          "0 3 * * *",
          "Europe/Berlin",
          "2025-10-25T20:00:00Z",
          { "2025-10-26T03:00:00+01:00", "2025-10-27T03:00:00+01:00" } },
        { SCHEDULE_CRON,
          "30 2 30 3 *",
          "Europe/Berlin",
          "2024-12-31T00:00:00Z", /* its only day of the year */
          { "2025-03-30T03:00:00+02:00" } },
        { SCHEDULE_CRON,
          "30 2 * * *",
          "America/New_York",
          "2025-03-08T12:00:00Z",
          { "2025-03-09T03:00:00-04:00", "2025-03-10T02:30:00-04:00" } },
        { SCHEDULE_CRON,
          "30 1 * * *",
          "America/New_York",
          "2025-11-01T12:00:00Z",
          { "2025-11-02T01:30:00-04:00", "2025-11-03T01:30:00-05:00" } },
        { SCHEDULE_CRON,
          "10 2 * * *",
          "Australia/Lord_Howe",
          "2025-10-04T00:00:00Z",
          { "2025-10-05T02:30:00+11:00", "2025-10-06T02:10:00+11:00" } },
        { SCHEDULE_CRON,
          "30 2 * * *",
          "Australia/Lord_Howe",
          "2025-10-04T00:00:00Z",
          { "2025-10-05T02:30:00+11:00", "2025-10-06T02:30:00+11:00" } },
        { SCHEDULE_CRON,
          "45 1 * * *",
          "Australia/Lord_Howe",
          "2025-04-05T00:00:00Z",
          { "2025-04-06T01:45:00+11:00", "2025-04-07T01:45:00+10:30" } },
        { SCHEDULE_CRON,
          "15 1 * * *",
          "Australia/Lord_Howe",
          "2025-04-05T00:00:00Z", /* half an hour is not repeated */
          { "2025-04-06T01:15:00+11:00", "2025-04-07T01:15:00+10:30" } },
        { SCHEDULE_CRON,
          "30 2 * * *",
          "Africa/Casablanca",
          "2025-02-22T12:00:00Z",
          { "2025-02-23T02:30:00+01:00", "2025-02-24T02:30:00+00:00" } },
        { SCHEDULE_CRON,
          "30 2 * * *",
          "Africa/Casablanca",
          "2025-04-05T12:00:00Z",
          { "2025-04-06T03:00:00+01:00", "2025-04-07T02:30:00+01:00" } },
        { SCHEDULE_CRON,
          "0 12 * * *",
          "Pacific/Apia",
          "2011-12-29T00:00:00Z", /* 30 December was left out */
          { "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00" } },
    };
    EXPECT_FIRES(table);
}

/* With `*` or a step in the hours, what the clock shows counts: both passes, and nothing that it jumps over. */
Test(schedule, runs_every_hour_by_what_the_clock_shows)
{
    static const struct fires table[] = {
        { SCHEDULE_CRON,
          "0 * * * *",
          "Europe/Berlin",
          "2025-03-30T00:30:00+01:00",
          { "2025-03-30T01:00:00+01:00", "2025-03-30T03:00:00+02:00", "2025-03-30T04:00:00+02:00" } },
        { SCHEDULE_CRON,
          "30 * * * *",
          "Europe/Berlin",
          "2025-03-30T01:00:00+01:00",
          { "2025-03-30T01:30:00+01:00", "2025-03-30T03:30:00+02:00" } },
        { SCHEDULE_CRON,
          "30 * * * *",
          "Europe/Berlin",
          "2025-10-26T02:00:00+02:00",
          { "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00", "2025-10-26T03:30:00+01:00" } },
        { SCHEDULE_CRON,
          "*/15 * * * *",
          "Europe/Berlin",
          "2025-10-26T02:20:00+02:00",
          { "2025-10-26T02:30:00+02:00", "2025-10-26T02:45:00+02:00", "2025-10-26T02:00:00+01:00",
            "2025-10-26T02:15:00+01:00", "2025-10-26T02:30:00+01:00", "2025-10-26T02:45:00+01:00",
            "2025-10-26T03:00:00+01:00" } },
        { SCHEDULE_CRON,
          "*/15 * * * *",
          "Europe/Berlin",
          "2025-03-30T01:20:00+01:00",
          { "2025-03-30T01:30:00+01:00", "2025-03-30T01:45:00+01:00", "2025-03-30T03:00:00+02:00",
            "2025-03-30T03:15:00+02:00" } },
        { SCHEDULE_CRON,
          "0 */2 * * *",
          "Europe/Berlin",
          "2025-03-30T00:00:00+01:00",
          { "2025-03-30T04:00:00+02:00", "2025-03-30T06:00:00+02:00" } },
        { SCHEDULE_CRON,
          "0 */2 * * *",
          "Europe/Berlin",
          "2025-10-26T00:00:00+02:00",
          { "2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00", "2025-10-26T04:00:00+01:00" } },
        { SCHEDULE_CRON,
          "0 * * * *",
          "America/New_York",
          "2025-11-02T00:30:00-04:00",
          { "2025-11-02T01:00:00-04:00", "2025-11-02T01:00:00-05:00", "2025-11-02T02:00:00-05:00" } },
        { SCHEDULE_CRON,
          "*/15 * * * *",
          "Australia/Lord_Howe",
          "2025-10-05T01:30:00+10:30",
          { "2025-10-05T01:45:00+10:30", "2025-10-05T02:30:00+11:00", "2025-10-05T02:45:00+11:00" } },
        { SCHEDULE_CRON,
          "*/15 * * * *",
          "Australia/Lord_Howe",
          "2025-04-06T01:30:00+11:00",
          { "2025-04-06T01:45:00+11:00", "2025-04-06T01:30:00+10:30", "2025-04-06T01:45:00+10:30",
            "2025-04-06T02:00:00+10:30" } },
        { SCHEDULE_CRON,
          "0 * * * *",
          "Australia/Lord_Howe",
          "2025-10-05T00:30:00+10:30", /* 02:00 is not shown */
          { "2025-10-05T01:00:00+10:30", "2025-10-05T03:00:00+11:00" } },
    };
    EXPECT_FIRES(table);
}

Test(schedule, counts_durations_from_the_epoch)
{
    static const struct fires table[] = {
        { SCHEDULE_EVERY, "15m", "UTC", "2025-03-01T10:07:00Z", { "2025-03-01T10:15:00Z", "2025-03-01T10:30:00Z" } },
        { SCHEDULE_EVERY, "15m", "UTC", "2025-03-01T10:15:00Z", { "2025-03-01T10:30:00Z" } },
        { SCHEDULE_EVERY, "1s", "UTC", "2025-03-01T10:15:00Z", { "2025-03-01T10:15:01Z", "2025-03-01T10:15:02Z" } },
        { SCHEDULE_EVERY, "7d", "UTC", "2025-03-01T00:00:00Z", { "2025-03-06T00:00:00Z", "2025-03-13T00:00:00Z" } },
        { SCHEDULE_EVERY,
          "7h",
          "Europe/Berlin",
          "1970-01-01T00:00:00Z", /* the zone does not matter */
          { "1970-01-01T07:00:00Z", "1970-01-01T14:00:00Z" } },
    };
    EXPECT_FIRES(table);
    struct schedule odd = parse(SCHEDULE_EVERY, "1500ms");
    uint64_t next;
    cr_assert(schedule_next(&odd, &zone_utc, 1000000000000, &next));
    cr_expect_eq(next % 1500, 0);
    cr_expect_eq(next, 1000000000500);
}

Test(schedule, fires_once_at_a_time)
{
    static const struct fires table[] = {
        { SCHEDULE_AT, "2025-06-01T18:00:00Z", "UTC", "2025-01-01T00:00:00Z", { "2025-06-01T18:00:00Z", NEVER } },
        { SCHEDULE_AT, "2025-06-01T18:00:00Z", "UTC", "2025-06-01T18:00:00Z", { NEVER } },
        { SCHEDULE_AT,
          "2025-06-01T18:00:00+09:30",
          "Europe/Berlin",
          "2025-01-01T00:00:00Z",
          { "2025-06-01T08:30:00Z", NEVER } },
        { SCHEDULE_AT,
          "2025-06-01T18:00:00",
          "Europe/Berlin",
          "2025-01-01T00:00:00Z",
          { "2025-06-01T18:00:00+02:00", NEVER } },
        { SCHEDULE_AT,
          "2025-03-30T02:30:00",
          "Europe/Berlin",
          "2025-01-01T00:00:00Z",
          { "2025-03-30T03:00:00+02:00", NEVER } },
        { SCHEDULE_AT,
          "2025-10-26T02:30:00",
          "Europe/Berlin",
          "2025-01-01T00:00:00Z",
          { "2025-10-26T02:30:00+02:00", NEVER } },
        { SCHEDULE_AT,
          "2025-11-02T01:30:00",
          "America/New_York",
          "2025-01-01T00:00:00Z",
          { "2025-11-02T01:30:00-04:00", NEVER } },
    };
    EXPECT_FIRES(table);
}

Test(schedule, refuses_what_is_no_duration_and_no_time)
{
    static const struct {
        enum schedule_form form;
        const char *text, *why;
    } cases[] = {
        { SCHEDULE_EVERY, "15", "'15' is no duration; write a whole number and s, m, h or d, such as 15m" },
        { SCHEDULE_EVERY, "", "'' is no duration; write a whole number and s, m, h or d, such as 15m" },
        { SCHEDULE_EVERY, "quarter", "'quarter' is no duration; write a whole number and s, m, h or d, such as 15m" },
        { SCHEDULE_EVERY, "999ms", "must be between 1s and 366d" },
        { SCHEDULE_EVERY, "0s", "must be between 1s and 366d" },
        { SCHEDULE_EVERY, "367d", "must be between 1s and 366d" },
        { SCHEDULE_AT, "", "at character 1: must be a year of four digits, from 1970 on" },
        { SCHEDULE_AT, "tomorrow", "at character 1: must be a year of four digits, from 1970 on" },
        { SCHEDULE_AT, "2025-02-29T10:00:00Z", "at character 9: must be a day of two digits that this month has" },
        { SCHEDULE_AT, "2025-02-28", "at character 11: must be 'T' and a time such as T18:00:00" },
        { SCHEDULE_AT, "2025-02-28 10:00:00", "at character 11: must be 'T' and a time such as T18:00:00" },
        { SCHEDULE_AT, "2025-02-28T24:00:00", "at character 12: must be an hour of two digits, 00 to 23" },
        { SCHEDULE_AT, "2025-02-28T10:00", "at character 17: must be ':' and a second of two digits, 00 to 59" },
        { SCHEDULE_AT, "2025-02-28T10:00:00z", "at character 20: must be Z, or the offset from UTC such as +01:00" },
        { SCHEDULE_AT, "2025-02-28T10:00:00.5Z", "at character 20: must be Z, or the offset from UTC such as +01:00" },
        { SCHEDULE_AT, "2025-02-28T10:00:00Z ", "at character 21: must be the end" },
        { SCHEDULE_NONE, "", "has no form that is known" },
        { SCHEDULE_FORM_COUNT, "", "has no form that is known" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schedule schedule;
        struct error err = { 0 };
        cr_expect_eq(schedule_parse(cases[i].form, cases[i].text, &schedule, &err), -EINVAL, "took '%s'",
                     cases[i].text);
        cr_expect_str_eq(err.text, cases[i].why, "'%s': %s", cases[i].text, err.text);
    }
}

Test(schedule, ends_with_the_year_9999_and_begins_with_the_epoch)
{
    struct schedule daily = parse(SCHEDULE_CRON, "@daily"), every = parse(SCHEDULE_EVERY, "1h");
    uint64_t time;
    cr_expect_not(schedule_next(&daily, &zone_utc, SCHEDULE_UNIX_MAX_MS, &time));
    cr_expect_not(schedule_next(&every, &zone_utc, UINT64_MAX, &time));
    cr_expect_not(schedule_next(&every, &zone_utc, test_unix_ms("9999-12-31T23:00:00Z"), &time));
    cr_assert(schedule_last(&daily, &zone_utc, UINT64_MAX, &time));
    cr_expect_eq(time, test_unix_ms("9999-12-31T00:00:00Z"));
    cr_assert(schedule_last(&every, &zone_utc, 3599999, &time));
    cr_expect_eq(time, 0);
    cr_assert(schedule_last(&daily, &zone_utc, 0, &time));
    cr_expect_eq(time, 0);
    struct schedule noon = parse(SCHEDULE_CRON, "0 12 * * *");
    cr_expect_not(schedule_last(&noon, &zone_utc, 12 * 3600 * 1000 - 1, &time));
}

Test(schedule, names_its_forms)
{
    cr_expect_str_eq(schedule_form_text(SCHEDULE_CRON), "cron");
    cr_expect_str_eq(schedule_form_text(SCHEDULE_EVERY), "every");
    cr_expect_str_eq(schedule_form_text(SCHEDULE_AT), "at");
    cr_expect_str_eq(schedule_form_text(SCHEDULE_NONE), "");
    cr_expect_str_eq(schedule_form_text(SCHEDULE_FORM_COUNT), "");
    struct schedule every = parse(SCHEDULE_EVERY, "15m"), cron = parse(SCHEDULE_CRON, "0 3,4 * * *"),
                    at = parse(SCHEDULE_AT, "2025-06-01T18:00:00Z");
    cr_expect_eq(schedule_apart_ms(&every), 900000);
    cr_expect_eq(schedule_apart_ms(&cron), 3600000);
    cr_expect_eq(schedule_apart_ms(&at), UINT64_MAX);
}
