/* docs/schedules.md says when schedules run, row by row: by the host's own zones, the rows are right. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zone_files.h"
#include "sallyport/base/error.h"
#include "sallyport/schedule/civil.h"
#include "sallyport/schedule/schedule.h"

#define FROM_2024  1704067200
#define UNTIL_2033 1988150400
#define ROWS_LEAST 20

static uint64_t unix_ms(const char *text)
{
    int64_t day = 0, clock_s = 0, offset_s = 0;
    const char *at = text;
    cr_assert_null(civil_read_date(&at, &day), "'%s'", text);
    at++;
    cr_assert_null(civil_read_clock(&at, &clock_s), "'%s'", text);
    cr_assert_null(civil_read_offset(&at, &offset_s), "'%s'", text);
    cr_assert_eq(*at, '\0', "'%s'", text);
    return (uint64_t)(day * DAY_S + clock_s - offset_s) * 1000;
}

static struct zone host_zone(const char *name)
{
    struct zone zone = { 0 };
    struct error err = { 0 };
    char remark[ERROR_TEXT_BYTES];
    struct zone_wish wish = { .directory = ZONEINFO_DIRECTORY,
                              .name = name,
                              .from_unix_s = FROM_2024,
                              .until_unix_s = UNTIL_2033,
                              .owners = geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF };
    cr_assert_eq(zone_table_make(&wish, &zone, remark, &err), 0, "%s", err.text);
    return zone;
}

static struct schedule parse(const char *form, const char *text)
{
    struct schedule schedule = { 0 };
    struct error err = { 0 };
    enum schedule_form found = SCHEDULE_NONE + 1;
    while (found < SCHEDULE_FORM_COUNT && strcmp(schedule_form_text(found), form) != 0)
        found++;
    cr_assert_eq(schedule_parse(found, text, &schedule, &err), 0, "%s: %s: %s", form, text, err.text);
    return schedule;
}

/* "| `cron: 30 3 * * *` | UTC | AFTER | TIME, TIME, never |" */
static void check_row(const char *line)
{
    char form[16], text[64], zone_name[64], after[64], times[256], *rest = NULL;
    cr_assert_eq(sscanf(line, "| `%15[a-z]: %63[^`]` | %63s | %63s | %255[^|]", form, text, zone_name, after, times), 5,
                 "%s", line);
    struct schedule schedule = parse(form, text);
    struct zone zone = host_zone(zone_name);
    uint64_t at = unix_ms(after);
    unsigned count = 0;
    for (const char *time = strtok_r(times, ", ", &rest); time != NULL; time = strtok_r(NULL, ", ", &rest)) {
        uint64_t next = 0;
        bool comes = schedule_next(&schedule, &zone, at, &next);
        cr_expect_eq(comes, strcmp(time, "never") != 0, "%s", line);
        if (!comes)
            break;
        cr_expect_eq(next, unix_ms(time), "%s: %lu, not %s", line, next, time);
        at = next;
        count++;
    }
    cr_expect_gt(count, 0, "%s", line);
    zone_done(&zone);
}

Test(schedules_document, says_when_schedules_run)
{
    char path[1024], line[1024];
    const char *source = getenv("SALLYPORT_SOURCE");
    snprintf(path, sizeof path, "%s/docs/schedules.md", source != NULL ? source : ".");
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    unsigned rows = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "| `cron:", 8) == 0 || strncmp(line, "| `every:", 9) == 0 ||
            strncmp(line, "| `at:", 6) == 0) {
            check_row(line);
            rows++;
        }
    fclose(file);
    cr_expect_geq(rows, ROWS_LEAST, "only %u rows", rows);
}
