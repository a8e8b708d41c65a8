#include "sallyport/schedule/civil.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

Test(civil, agrees_with_libc_on_every_day_of_1600_years)
{
    for (int64_t day = civil_day(&(struct civil_date){ 1900, 1, 1 });
         day < civil_day(&(struct civil_date){ 3500, 1, 1 }); day++) {
        time_t unix_s = (time_t)(day * DAY_S);
        struct tm tm;
        gmtime_r(&unix_s, &tm);
        struct civil_date date = civil_date_of(day);
        cr_assert(date.year == tm.tm_year + 1900 && date.month == (unsigned)tm.tm_mon + 1 &&
                      date.day == (unsigned)tm.tm_mday,
                  "day %ld", (long)day);
        cr_assert_eq(civil_day(&date), day);
        cr_assert_eq(civil_weekday(day), (unsigned)tm.tm_wday);
    }
}

Test(civil, knows_its_ends)
{
    cr_expect_eq(civil_day(&(struct civil_date){ 1970, 1, 1 }), 0);
    cr_expect_eq(civil_day(&(struct civil_date){ 1, 1, 1 }), -719162);
    cr_expect_eq(civil_day(&(struct civil_date){ CIVIL_YEAR_MAX, 12, 31 }) * DAY_S + DAY_S - 1, CIVIL_MAX_S);
    cr_expect_eq(civil_day_of(0), 0);
    cr_expect_eq(civil_day_of(-1), -1);
    cr_expect_eq(civil_day_of(-DAY_S), -1);
    cr_expect_eq(civil_day_of(-DAY_S - 1), -2);
    cr_expect_eq(civil_day_of(DAY_S - 1), 0);
    cr_expect_eq(civil_month_days(1900, 2), 28);
    cr_expect_eq(civil_month_days(2000, 2), 29);
    cr_expect_eq(civil_month_days(2024, 2), 29);
    cr_expect_eq(civil_month_days(2023, 2), 28);
}

struct reading {
    const char *text;
    size_t length; /* of what is read, or where the fault is */
    int64_t value; /* -1: refused */
};

static void expect_readings(const char *(*read)(const char **, int64_t *), const struct reading *readings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = readings[i].text;
        int64_t value = -1;
        const char *why = read(&at, &value);
        cr_expect_eq(why == NULL, readings[i].value >= 0, "'%s'", readings[i].text);
        cr_expect_eq((size_t)(at - readings[i].text), readings[i].length, "'%s'", readings[i].text);
        if (why == NULL)
            cr_expect_eq(value, readings[i].value, "'%s'", readings[i].text);
    }
}

Test(civil, reads_dates_clocks_and_offsets)
{
    static const struct reading dates[] = {
        { "1970-01-01", 10, 0 }, { "2000-02-29T", 10, 11016 }, { "9999-12-31", 10, 2932896 }, { "2025-02-29", 8, -1 },
        { "2025-04-31", 8, -1 }, { "1969-12-31", 0, -1 },      { "2025-13-01", 5, -1 },       { "2025-00-01", 5, -1 },
        { "2025-1-01", 5, -1 },  { "2025/01/01", 4, -1 },      { "25-01-01", 0, -1 },         { "", 0, -1 },
        { "2025-01-00", 8, -1 }, { "2025-01", 7, -1 },         { "+2025-01-01", 0, -1 },
    };
    static const struct reading clocks[] = {
        { "00:00:00", 8, 0 },  { "23:59:59Z", 8, 86399 }, { "24:00:00", 0, -1 }, { "23:60:00", 3, -1 },
        { "23:59:60", 6, -1 }, { "7:00:00", 0, -1 },      { "07:00", 5, -1 },    { "", 0, -1 },
        { "07.00.00", 2, -1 },
    };
    static const struct reading offsets[] = {
        { "Z", 1, 0 },  { "+00:00", 6, 0 }, { "+05:45", 6, 20700 }, { "+24:00", 1, -1 }, { "+01", 3, -1 },
        { "z", 0, -1 }, { "", 0, -1 },      { "01:00", 0, -1 },     { "+01:60", 4, -1 },
    };
    expect_readings(civil_read_date, dates, sizeof dates / sizeof dates[0]);
    expect_readings(civil_read_clock, clocks, sizeof clocks / sizeof clocks[0]);
    expect_readings(civil_read_offset, offsets, sizeof offsets / sizeof offsets[0]);
    const char *west = "-03:30";
    int64_t offset_s;
    cr_expect_null(civil_read_offset(&west, &offset_s));
    cr_expect_eq(offset_s, -12600);
}
