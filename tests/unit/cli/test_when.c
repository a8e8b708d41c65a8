#include "when.h"

#include <criterion/criterion.h>

Test(when, reads_rfc_3339)
{
    static const struct {
        const char *text;
        uint64_t unix_ms;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-03-01T10:00:00.120Z", 1772359200120 },
        { "2026-03-01T10:00:00.1234567Z", 1772359200123 },
        { "2026-03-01T12:00:00+02:00", 1772359200000 },
        { "2026-03-01T08:30:00.5-01:30", 1772359200500 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t unix_ms = 1;
        cr_expect(when_parse(rows[i].text, &unix_ms), "%s", rows[i].text);
        cr_expect_eq(unix_ms, rows[i].unix_ms, "%s: %llu", rows[i].text, (unsigned long long)unix_ms);
    }
}

Test(when, refuses_what_only_looks_like_a_time)
{
    static const char *const rows[] = { "",
                                        "now",
                                        "2026-03-01",
                                        "2026-03-01T10:00:00",
                                        "2026-03-01T10:00:00.Z",
                                        "2026-03-01T10:00:00Zx",
                                        "2026-13-01T10:00:00Z",
                                        "1960-01-01T00:00:00Z",
                                        "1970-01-01T00:00:00+01:00" };
    uint64_t unix_ms;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_not(when_parse(rows[i], &unix_ms), "%s", rows[i]);
}

Test(when, since_is_a_time_a_day_or_how_long_ago)
{
    uint64_t unix_ms;
    cr_expect(when_parse_since("10m", 1772359200000, &unix_ms) && unix_ms == 1772358600000);
    cr_expect(when_parse_since("2026-03-01", 0, &unix_ms) && unix_ms == 1772323200000);
    cr_expect(when_parse_since("2026-03-01T10:00:00Z", 0, &unix_ms) && unix_ms == 1772359200000);
    cr_expect_not(when_parse_since("yesterday", 0, &unix_ms));
    cr_expect_not(when_parse_since("2026-03-01x", 0, &unix_ms));
}

Test(when, is_told_in_words_relative_to_now)
{
    static const struct {
        int64_t ago_s;
        const char *text;
    } rows[] = { { 0, "now" },       { 1, "1s ago" },      { 90, "90s ago" }, { 150, "2m ago" }, { 7199, "119m ago" },
                 { 7200, "2h ago" }, { 172800, "2d ago" }, { -300, "in 5m" }, { -30, "in 30s" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[WHEN_TEXT_BYTES];
        uint64_t now_ms = 1772359200000;
        cr_expect_str_eq(when_relative(now_ms, (uint64_t)((int64_t)now_ms - rows[i].ago_s * 1000), text), rows[i].text);
    }
}

Test(when, durations_are_short_to_read)
{
    static const struct {
        double seconds;
        const char *text;
    } rows[] = { { 0, "0.0s" },    { 0.34, "0.3s" },  { 9.97, "10s" },    { 42, "42s" },
                 { 190, "3m10s" }, { 7500, "2h05m" }, { 273600, "3d4h" }, { -1, "0.0s" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[WHEN_TEXT_BYTES];
        cr_expect_str_eq(when_took(rows[i].seconds, text), rows[i].text);
    }
}
