#include "sallyport/schedule/cron.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sallyport/base/error.h"

#define ALL_MINUTES  0xfffffffffffffffull
#define ALL_HOURS    0xffffffu
#define ALL_DAYS     0xfffffffeu
#define ALL_MONTHS   0x1ffeu
#define ALL_WEEKDAYS 0x7fu

Test(cron, reads_entries)
{
    static const struct {
        const char *text;
        struct cron cron;
    } cases[] = {
        { "* * * * *", { ALL_MINUTES, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, true } },
        { "30 3 * * *", { 1ull << 30, 1u << 3, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "  30\t3 * *   * ", { 1ull << 30, 1u << 3, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "*/15 * * * *", { 0x200040008001ull, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, true } },
        { "5-20/5 * * * *", { 0x108420, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, true } },
        { "59,0,7-9 0 * * *", { 1ull << 59 | 0x381, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "0 */6 * * *", { 1, 0x41041, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, true } },
        { "0 8-18/2 * * *", { 1, 0x55500, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, true } },
        { "0 8-10 * * *", { 1, 0x700, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "0 23 31 12 *", { 1, 1u << 23, 1u << 31, 1u << 12, ALL_WEEKDAYS, false, false } },
        { "0 0 1 jan,JUL *", { 1, 1, 2, 0x82, ALL_WEEKDAYS, false, false } },
        { "0 0 * Mar-May *", { 1, 1, ALL_DAYS, 0x38, ALL_WEEKDAYS, false, false } },
        { "0 0 * * 0", { 1, 1, ALL_DAYS, ALL_MONTHS, 1, false, false } },
        { "0 0 * * 7", { 1, 1, ALL_DAYS, ALL_MONTHS, 1, false, false } },
        { "0 0 * * 5-7", { 1, 1, ALL_DAYS, ALL_MONTHS, 0x61, false, false } },
        { "0 0 * * mon-fri", { 1, 1, ALL_DAYS, ALL_MONTHS, 0x3e, false, false } },
        { "0 0 * * fri-sun", { 1, 1, ALL_DAYS, ALL_MONTHS, 0x61, false, false } },
        { "0 0 * * sun-tue", { 1, 1, ALL_DAYS, ALL_MONTHS, 0x07, false, false } },
        { "0 0 * * 0-7", { 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "0 0 * * */2", { 1, 1, ALL_DAYS, ALL_MONTHS, 0x55, false, false } },
        { "0 0 13 * 5", { 1, 1, 1u << 13, ALL_MONTHS, 1u << 5, true, false } },
        { "0 0 1-31 * 5", { 1, 1, ALL_DAYS, ALL_MONTHS, 1u << 5, true, false } },
        { "0 0 */2 * 5", { 1, 1, 0xaaaaaaaa, ALL_MONTHS, 1u << 5, false, false } },
        { "0 0 13,* * 5", { 1, 1, ALL_DAYS, ALL_MONTHS, 1u << 5, false, false } },
        { "0 0 29 2 *", { 1, 1, 1u << 29, 4, ALL_WEEKDAYS, false, false } },
        { "0 0 31 * *", { 1, 1, 1u << 31, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "0 0 30 2 1", { 1, 1, 1u << 30, 4, 2, true, false } }, /* each Monday of February */
        { "0 0 30 2,3 *", { 1, 1, 1u << 30, 12, ALL_WEEKDAYS, false, false } },
        { "007 003 * * *", { 1 << 7, 1 << 3, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "@hourly", { 1, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, true } },
        { "@daily", { 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "@midnight", { 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "@weekly", { 1, 1, ALL_DAYS, ALL_MONTHS, 1, false, false } },
        { "@monthly", { 1, 1, 2, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
        { "@yearly", { 1, 1, 2, 2, ALL_WEEKDAYS, false, false } },
        { "@annually", { 1, 1, 2, 2, ALL_WEEKDAYS, false, false } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct cron *wanted = &cases[i].cron;
        struct cron cron = { 0 };
        struct error err = { 0 };
        cr_assert_eq(cron_parse(cases[i].text, &cron, &err), 0, "'%s': %s", cases[i].text, err.text);
        cr_expect(cron.minutes == wanted->minutes && cron.hours == wanted->hours && cron.days == wanted->days &&
                      cron.months == wanted->months && cron.weekdays == wanted->weekdays,
                  "'%s': %lx %x %x %x %x", cases[i].text, cron.minutes, cron.hours, cron.days, cron.months,
                  cron.weekdays);
        cr_expect_eq(cron.takes_either_day, wanted->takes_either_day, "'%s'", cases[i].text);
        cr_expect_eq(cron.follows_clock, wanted->follows_clock, "'%s'", cases[i].text);
    }
}

Test(cron, says_what_is_wrong_and_where)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "has 0 fields; a cron entry has five: minute, hour, day of the month, month and day of the week" },
        { "   ", "has 0 fields; a cron entry has five: minute, hour, day of the month, month and day of the week" },
        { "5", "has 1 field; a cron entry has five: minute, hour, day of the month, month and day of the week" },
        { "0 30 3 * * *",
          "has 6 fields; a cron entry has five: minute, hour, day of the month, month and day of the week" },
        { "60 * * * *", "at character 1: 60 is no minute; write 0 to 59" },
        { "* 24 * * *", "at character 3: 24 is no hour; write 0 to 23" },
        { "* * 0 * *", "at character 5: 0 is no day of the month; write 1 to 31" },
        { "* * 32 * *", "at character 5: 32 is no day of the month; write 1 to 31" },
        { "* * * 13 *", "at character 7: 13 is no month; write 1 to 12 or jan to dec" },
        { "* * * 0 *", "at character 7: 0 is no month; write 1 to 12 or jan to dec" },
        { "* * * * 8", "at character 9: 8 is no day of the week; write 0 to 7 or sun to sat" },
        { "0,15,75 * * * *", "at character 6: 75 is no minute; write 0 to 59" },
        { "99999999999999999999 * * * *", "at character 1: 99999999999999999999 is no minute; write 0 to 59" },
        { "* * * january *", "at character 7: 'january' is no month; write 1 to 12 or jan to dec" },
        { "* * * * L", "at character 9: 'L' is no day of the week; write 0 to 7 or sun to sat" },
        { "0 0 ? * *", "at character 5: '?' is no day of the month; write 1 to 31" },
        { "-5 * * * *", "at character 1: '-' is no minute; write 0 to 59" },
        { "5- * * * *", "at character 3: a value is missing; a minute is 0 to 59" },
        { "5,,6 * * * *", "at character 3: a value is missing; a minute is 0 to 59" },
        { ",5 * * * *", "at character 1: a value is missing; a minute is 0 to 59" },
        { "5, * * * *", "at character 3: a value is missing; a minute is 0 to 59" },
        { "* * * * mon,", "at character 13: a value is missing; a day of the week is 0 to 7 or sun to sat" },
        { "30-10 * * * *", "at character 1: the range 30-10 runs backwards" },
        { "0 0 * * sat-mon", "at character 9: the range sat-mon runs backwards" },
        { "0 0 * * 5-0", "at character 9: the range 5-0 runs backwards" },
        { "5/15 * * * *", "at character 2: a step needs a range before it, such as */5 or 10-50/5" },
        { "*/0 * * * *", "at character 3: a step must be a whole number from 1 on" },
        { "*/ * * * *", "at character 3: a step must be a whole number from 1 on" },
        { "*/-5 * * * *", "at character 3: a step must be a whole number from 1 on" },
        { "*/5x * * * *", "at character 3: a step must be a whole number from 1 on" },
        { "*/60 * * * *", "at character 3: a step of 60 goes beyond the range 0 to 59" },
        { "10-20/15 * * * *", "at character 7: a step of 15 goes beyond the range 10 to 20" },
        { "*/5/5 * * * *", "at character 4: '/5' does not belong behind a minute" },
        { "1-5-9 * * * *", "at character 4: '-9' does not belong behind a minute" },
        { "*5 * * * *", "at character 2: '5' does not belong behind a minute" },
        { "1.5 * * * *", "at character 1: '1.5' is no minute; write 0 to 59" },
        { "0 0 30 2 *", "never comes: no month that it names has such a day" },
        { "0 0 31 4,6,9,11 *", "never comes: no month that it names has such a day" },
        { "@reboot", "'@reboot' is no time; there are @hourly, @daily, @weekly, @monthly and @yearly" },
        { "@Daily", "'@Daily' is no time; there are @hourly, @daily, @weekly, @monthly and @yearly" },
        { "@daily ", "'@daily ' is no time; there are @hourly, @daily, @weekly, @monthly and @yearly" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron cron;
        struct error err = { 0 };
        cr_expect_eq(cron_parse(cases[i].text, &cron, &err), -EINVAL, "took '%s'", cases[i].text);
        cr_expect_str_eq(err.text, cases[i].why, "'%s': %s", cases[i].text, err.text);
    }
}

Test(cron, knows_how_near_its_minutes_come)
{
    static const struct {
        const char *text;
        int64_t apart_s;
    } cases[] = {
        { "* * * * *", 60 },     { "*/15 * * * *", 900 },     { "0 * * * *", 3600 },    { "0 3 * * *", 86400 },
        { "0 3,4 * * *", 3600 }, { "0,50 3 * * *", 3000 },    { "0 0,23 * * *", 3600 }, { "59 0,23 * * *", 3600 },
        { "0 0 1 1 *", 86400 },  { "5,55 */12 * * *", 3000 }, { "0,59 * * * *", 60 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron cron;
        cr_assert_eq(cron_parse(cases[i].text, &cron, NULL), 0);
        cr_expect_eq(cron_apart_s(&cron), cases[i].apart_s, "'%s': %ld", cases[i].text, (long)cron_apart_s(&cron));
    }
}
