/*
 * Random entries in random zones, against a walk that shares nothing with the code: it looks at a wall's clock step by step, has
 * libc's calendar, and knows an entry as the sets that its text was made of.
 */
#include "sallyport/schedule/schedule.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sallyport/base/error.h"
#include "zones.h"

#define STEP_S     20 /* divides every offset and every transition here */
#define FIRES_MAX  200000
#define TEXT_BYTES 256

struct entry {
    char text[TEXT_BYTES];
    bool minutes[60], hours[24], days[32], months[13], weekdays[8];
    bool has_day_star, has_weekday_star, follows_clock;
};

/* What a clock on the wall shows at one step, broken down once for all entries. */
struct look {
    int64_t unix_s, local_s;
    struct tm tm;
};

static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void add(char to[TEXT_BYTES], const char *format, ...)
{
    size_t length = strlen(to);
    va_list args;
    va_start(args, format);
    vsnprintf(to + length, TEXT_BYTES - length, format, args);
    va_end(args);
}

struct rule {
    unsigned least, most, star_most;
    const char *names; /* three letters each, from the value `first_name` on */
    unsigned first_name;
};

static void write_value(char to[TEXT_BYTES], const struct rule *rule, unsigned value)
{
    size_t at = 3 * (size_t)(value - rule->first_name);
    if (rule->names != NULL && at < strlen(rule->names) && draw(2) == 0)
        add(to, "%.3s", rule->names + at);
    else
        add(to, "%u", value);
}

static void draw_item(char to[TEXT_BYTES], const struct rule *rule, bool *set, bool *ret_star, bool *ret_step)
{
    unsigned kind = draw(5), first = rule->least, last = rule->star_most, step = 1;
    if (kind == 0) { /* one value */
        first = last = rule->least + draw(rule->most - rule->least + 1);
        write_value(to, rule, first);
    } else if (kind <= 2) { /* a range, for 2 with a step */
        first = rule->least + draw(rule->most - rule->least);
        last = first + 1 + draw(rule->most - first);
        add(to, "%u-", first);
        write_value(to, rule, last);
    } else {
        *ret_star = true;
        add(to, "*");
    }
    if (kind == 2 || kind == 4) {
        step = 1 + draw(last - first);
        add(to, "/%u", step);
        *ret_step |= step > 1;
    }
    for (unsigned value = first; value <= last; value += step)
        set[value] = true;
}

static void draw_field(char to[TEXT_BYTES], const struct rule *rule, bool *set, bool *ret_star, bool *ret_step)
{
    *ret_star = *ret_step = false;
    if (draw(3) == 0) {
        add(to, "* ");
        *ret_star = true;
        for (unsigned value = rule->least; value <= rule->star_most; value++)
            set[value] = true;
        return;
    }
    draw_item(to, rule, set, ret_star, ret_step);
    while (draw(3) == 0) {
        add(to, ",");
        draw_item(to, rule, set, ret_star, ret_step);
    }
    add(to, " ");
}

static struct entry draw_entry(void)
{
    static const struct rule minute = { 0, 59, 59, NULL, 0 }, hour = { 0, 23, 23, NULL, 0 },
                             day = { 1, 31, 31, NULL, 0 },
                             month = { 1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1 },
                             weekday = { 0, 7, 6, "sunmontuewedthufrisat", 0 };
    struct entry entry = { 0 };
    bool star, step;
    draw_field(entry.text, &minute, entry.minutes, &star, &step);
    draw_field(entry.text, &hour, entry.hours, &star, &step);
    entry.follows_clock = star || step;
    draw_field(entry.text, &day, entry.days, &entry.has_day_star, &step);
    draw_field(entry.text, &month, entry.months, &star, &step);
    draw_field(entry.text, &weekday, entry.weekdays, &entry.has_weekday_star, &step);
    entry.weekdays[0] |= entry.weekdays[7];
    return entry;
}

static bool matches(const struct entry *entry, const struct tm *tm)
{
    bool fits_day = entry->days[tm->tm_mday], fits_weekday = entry->weekdays[tm->tm_wday];
    bool fits = entry->has_day_star || entry->has_weekday_star ? fits_day && fits_weekday : fits_day || fits_weekday;
    return tm->tm_sec == 0 && entry->minutes[tm->tm_min] && entry->hours[tm->tm_hour] &&
           entry->months[tm->tm_mon + 1] && fits;
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

static int64_t offset_s(const struct zone *zone, int64_t unix_s)
{
    int64_t offset = zone->periods[0].offset_s;
    for (uint32_t i = 0; i < zone->period_count; i++)
        if (zone->periods[i].from_unix_s <= unix_s)
            offset = zone->periods[i].offset_s;
    return offset;
}

static size_t look_around(const struct zone *zone, int64_t from_unix_s, int64_t until_unix_s, struct look *looks)
{
    size_t count = 0;
    for (int64_t unix_s = from_unix_s; unix_s < until_unix_s; unix_s += STEP_S) {
        struct look *look = &looks[count++];
        look->unix_s = unix_s;
        look->local_s = unix_s + offset_s(zone, unix_s);
        gmtime_r(&(time_t){ look->local_s }, &look->tm);
    }
    return count;
}

static bool was_jumped_over(const struct entry *entry, int64_t from_local_s, int64_t until_local_s)
{
    for (int64_t local_s = from_local_s; local_s < until_local_s; local_s += STEP_S) {
        struct tm tm;
        gmtime_r(&(time_t){ local_s }, &tm);
        if (matches(entry, &tm))
            return true;
    }
    return false;
}

static size_t walk(const struct entry *entry, const struct look *looks, size_t count, int64_t *fires)
{
    size_t fired = 0;
    int64_t seen_local_s = looks[0].local_s;
    for (size_t i = 0; i < count; i++) {
        const struct look *look = &looks[i];
        bool is_new = look->local_s >= seen_local_s;
        bool fits = matches(entry, &look->tm);
        if (entry->follows_clock ? fits : (fits && is_new) || was_jumped_over(entry, seen_local_s, look->local_s))
            fires[fired++] = look->unix_s;
        if (look->local_s + STEP_S > seen_local_s)
            seen_local_s = look->local_s + STEP_S;
    }
    return fired;
}

/* From anywhere, and from the very moments: the neighbours among what the walk found. */
static void expect_neighbours(const struct schedule *schedule, const struct zone *zone, const int64_t *fires,
                              size_t fired)
{
    for (unsigned i = 0; i < 60 && fired >= 2; i++) {
        size_t k = draw((unsigned)fired - 1);
        uint64_t left = (uint64_t)fires[k] * 1000, right = (uint64_t)fires[k + 1] * 1000, next = 0, last = 0;
        const uint64_t between[] = { left, left + 1, right - 1000, right - 1, left + draw((unsigned)(right - left)) };
        uint64_t at = between[draw(5)];
        cr_assert(schedule_next(schedule, zone, at, &next) && schedule_last(schedule, zone, at, &last));
        cr_assert_eq(next, right, "after %lu in %s: %lu, not %lu", at, zone->name, next, right);
        cr_assert_eq(last, left, "until %lu in %s: %lu, not %lu", at, zone->name, last, left);
    }
}

static void expect_same(const struct entry *entry, const struct zone *zone, const struct look *looks, size_t count)
{
    static int64_t fires[FIRES_MAX];
    struct schedule schedule;
    struct error err = { 0 };
    if (schedule_parse(SCHEDULE_CRON, entry->text, &schedule, &err) < 0) {
        cr_assert_not_null(strstr(err.text, "never comes"), "'%s': %s", entry->text, err.text);
        cr_assert_eq(walk(entry, looks, count, fires), 0, "'%s' comes", entry->text);
        return;
    }
    size_t fired = walk(entry, looks, count, fires);
    uint64_t end = (uint64_t)(looks[count - 1].unix_s + STEP_S) * 1000;
    uint64_t at = (uint64_t)looks[0].unix_s * 1000 - 1, next;
    for (size_t i = 0; i <= fired; i++) {
        bool is_there = schedule_next(&schedule, zone, at, &next) && next < end;
        cr_assert_eq(is_there, i < fired, "'%s' in %s after %lu", entry->text, zone->name, at);
        if (!is_there)
            break;
        cr_assert_gt(next, at);
        cr_assert_eq(next, (uint64_t)fires[i] * 1000, "'%s' in %s after %lu: %lu, not %ld", entry->text, zone->name, at,
                     next, (long)fires[i]);
        at = next;
    }
    expect_neighbours(&schedule, zone, fires, fired);
    at = end - 1;
    for (size_t i = fired; i > 0; i--) {
        cr_assert(schedule_last(&schedule, zone, at, &next), "'%s' in %s before %lu", entry->text, zone->name, at);
        cr_assert_eq(next, (uint64_t)fires[i - 1] * 1000, "'%s' in %s until %lu: %lu, not %ld", entry->text, zone->name,
                     at, next, (long)fires[i - 1]);
        at = next - 1;
    }
}

static void expect_same_for_many(const struct zone *zone, int64_t from_unix_s, int64_t until_unix_s, unsigned entries)
{
    struct look *looks = calloc((size_t)((until_unix_s - from_unix_s) / STEP_S + 1), sizeof *looks);
    size_t count = look_around(zone, from_unix_s, until_unix_s, looks);
    for (unsigned i = 0; i < entries; i++) {
        struct entry entry = draw_entry();
        expect_same(&entry, zone, looks, count);
    }
    free(looks);
}

Test(schedule_walk, agrees_around_every_jump_of_the_zones)
{
    for (size_t i = 0; i < TEST_ZONE_COUNT; i++) {
        seed = 1000 + i;
        for (uint32_t k = 0; k < test_zones[i].period_count; k++) {
            int64_t jump = test_zones[i].periods[k].from_unix_s;
            if (jump > 10 * DAY_S)
                expect_same_for_many(&test_zones[i], jump - 2 * DAY_S, jump + 2 * DAY_S, 40);
        }
    }
}

Test(schedule_walk, agrees_in_zones_that_nobody_would_make)
{
    for (unsigned i = 0; i < 20; i++) {
        struct zone_period periods[12];
        struct zone zone = { .name = "Made/Up", .periods = periods, .period_count = 12 };
        seed = i;
        int64_t from_unix_s = 1700000000;
        for (unsigned k = 0; k < 12; k++) {
            unsigned most = draw(2) == 0 ? 7200 : ZONE_OFFSET_MAX_S;
            periods[k] = (struct zone_period){ from_unix_s, (int64_t)(draw(2 * most / STEP_S) * STEP_S) - most };
            from_unix_s += STEP_S + STEP_S * draw(DAY_S / STEP_S);
        }
        cr_assert_null(zone_fault(&zone));
        expect_same_for_many(&zone, periods[0].from_unix_s - 3 * DAY_S, periods[11].from_unix_s + 3 * DAY_S, 15);
    }
}

Test(schedule_walk, agrees_over_two_years)
{
    const struct zone *zone = test_zone("Europe/Berlin");
    seed = 7;
    expect_same_for_many(zone, test_unix_s("2023-12-31T12:00:00Z"), test_unix_s("2025-12-31T12:00:00Z"), 6);
}
