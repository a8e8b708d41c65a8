/* The host's time zones as tables: against libc, against transitions that are history, and against files that are no zones. */
#include "zone_files.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/base/error.h"

#define FROM_2024  1704067200
#define UNTIL_2026 1767225600
#define UNTIL_2045 2366841600 /* behind 2037, where files end and rules go on */

static char remark[ERROR_TEXT_BYTES];
static struct error err;

static int make(const char *directory, const char *name, int64_t from_unix_s, int64_t until_unix_s,
                struct zone *ret_zone)
{
    struct zone_wish wish = { .directory = directory,
                              .name = name,
                              .from_unix_s = from_unix_s,
                              .until_unix_s = until_unix_s,
                              .owners = geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF };
    err = (struct error){ 0 };
    return zone_table_make(&wish, ret_zone, remark, &err);
}

static struct zone host_zone(const char *name, int64_t from_unix_s, int64_t until_unix_s)
{
    struct zone zone = { 0 };
    cr_assert_eq(make(ZONEINFO_DIRECTORY, name, from_unix_s, until_unix_s, &zone), 0, "%s: %s", name, err.text);
    cr_assert_str_eq(zone.name, name);
    cr_assert_null(zone_fault(&zone));
    cr_expect_str_eq(remark, "");
    return zone;
}

Test(zone_files, hold_the_jumps_of_2024_and_2025)
{
    static const struct {
        const char *name;
        struct zone_period periods[5];
        uint32_t count;
    } zones[] = {
        { "Europe/Berlin",
          { { FROM_2024, 3600 },
            { 1711846800, 7200 },
            { 1729990800, 3600 },
            { 1743296400, 7200 },
            { 1761440400, 3600 } },
          5 },
        { "America/New_York",
          { { FROM_2024, -18000 },
            { 1710054000, -14400 },
            { 1730613600, -18000 },
            { 1741503600, -14400 },
            { 1762063200, -18000 } },
          5 },
        { "Australia/Lord_Howe",
          { { FROM_2024, 39600 },
            { 1712415600, 37800 },
            { 1728142200, 39600 },
            { 1743865200, 37800 },
            { 1759591800, 39600 } },
          5 },
        { "Africa/Casablanca",
          { { FROM_2024, 3600 }, { 1710036000, 0 }, { 1713060000, 3600 }, { 1740276000, 0 }, { 1743904800, 3600 } },
          5 },
        { "Asia/Kathmandu", { { FROM_2024, 20700 } }, 1 },
        { "Etc/GMT+5", { { FROM_2024, -18000 } }, 1 },
        { "GMT", { { FROM_2024, 0 } }, 1 },
    };
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        struct zone zone = host_zone(zones[i].name, FROM_2024, UNTIL_2026);
        cr_assert_eq(zone.period_count, zones[i].count, "%s: %u", zone.name, zone.period_count);
        for (uint32_t k = 0; k < zone.period_count; k++) {
            cr_expect_eq(zone.periods[k].from_unix_s, zones[i].periods[k].from_unix_s, "%s %u", zone.name, k);
            cr_expect_eq(zone.periods[k].offset_s, zones[i].periods[k].offset_s, "%s %u", zone.name, k);
        }
        zone_done(&zone);
    }
}

Test(zone_files, agree_with_libc_at_any_moment_of_twenty_years)
{
    static const char *const names[] = { "Europe/Berlin",
                                         "America/New_York",
                                         "Australia/Lord_Howe",
                                         "Africa/Casablanca",
                                         "Pacific/Chatham",
                                         "America/Santiago",
                                         "UTC" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char setting[128];
        struct zone zone = host_zone(names[i], FROM_2024, UNTIL_2045);
        snprintf(setting, sizeof setting, ":%s/%s", ZONEINFO_DIRECTORY, names[i]);
        setenv("TZ", setting, 1);
        tzset();
        for (time_t at = FROM_2024; at < UNTIL_2045; at += 40009) {
            struct tm tm;
            localtime_r(&at, &tm);
            cr_assert_eq(zone_local_s(&zone, at) - at, tm.tm_gmtoff, "%s at %ld", names[i], (long)at);
        }
        for (uint32_t k = 1; k < zone.period_count; k++) {
            time_t at = zone.periods[k].from_unix_s, before = at - 1;
            struct tm tm, tm_before;
            localtime_r(&at, &tm);
            localtime_r(&before, &tm_before);
            cr_assert_eq(zone.periods[k].offset_s, tm.tm_gmtoff);
            cr_assert_neq(tm.tm_gmtoff, tm_before.tm_gmtoff, "%s does not change at %ld", names[i], (long)at);
        }
        zone_done(&zone);
    }
}

static unsigned zones_seen;

static int try_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    char magic[4] = "";
    const char *name = path + strlen(ZONEINFO_DIRECTORY) + 1;
    (void)st;
    (void)walk;
    FILE *file = type == FTW_F ? fopen(path, "re") : NULL;
    if (file == NULL)
        return 0;
    bool is_zone = fread(magic, 1, 4, file) == 4 && memcmp(magic, "TZif", 4) == 0 && strncmp(name, "right/", 6) != 0;
    fclose(file);
    struct zone zone = { 0 };
    int done = make(ZONEINFO_DIRECTORY, name, FROM_2024, FROM_2024 + 100 * 86400, &zone);
    cr_assert_eq(done == 0, is_zone, "%s: %s", name, err.text);
    cr_assert(is_zone || done == -EINVAL, "%s: %s", name, err.text);
    zones_seen += is_zone;
    zone_done(&zone);
    return 0;
}

Test(zone_files, of_the_host_can_all_be_read_and_nothing_else_beside_them)
{
    cr_assert_eq(nftw(ZONEINFO_DIRECTORY, try_one, 8, 0), 0);
    cr_expect_gt(zones_seen, 300);
}

Test(zone_files, leave_the_zone_of_the_process_as_it_was)
{
    setenv("TZ", "XYZ-3:30", 1);
    tzset();
    struct zone zone = host_zone("Europe/Berlin", FROM_2024, UNTIL_2026);
    time_t at = FROM_2024;
    cr_expect_str_eq(getenv("TZ"), "XYZ-3:30");
    cr_expect_eq(localtime(&at)->tm_gmtoff, 12600);
    zone_done(&zone);
    unsetenv("TZ");
    zone = host_zone("Europe/Berlin", FROM_2024, UNTIL_2026);
    cr_expect_null(getenv("TZ"));
    zone_done(&zone);
}

Test(zone_files, go_by_names_that_lead_nowhere_else)
{
    static const char *const names[] = { "",
                                         "/etc/localtime",
                                         "../zoneinfo/UTC",
                                         "Europe/../UTC",
                                         "./UTC",
                                         "Europe/",
                                         "Europe//Berlin",
                                         "right/UTC",
                                         "Europe/Berlin ",
                                         "Europe/Berlin:",
                                         "zone.tab",
                                         "CET-1CEST,M3.5.0,M10.5.0",
                                         "<+03>-3",
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    struct zone zone = { 0 };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_expect_eq(make(ZONEINFO_DIRECTORY, names[i], FROM_2024, UNTIL_2026, &zone), -EINVAL, "took '%s'", names[i]);
        cr_expect_not_null(strstr(err.text, "is no name of a time zone; write one such as Europe/Berlin"), "%s",
                           err.text);
    }
    cr_expect_eq(make(ZONEINFO_DIRECTORY, "Europe/Berlim", FROM_2024, UNTIL_2026, &zone), -ENOENT);
    cr_expect_str_eq(err.text, "there is no time zone 'Europe/Berlim' in /usr/share/zoneinfo; write a name such as "
                               "Europe/Berlin");
    cr_expect_eq(make(ZONEINFO_DIRECTORY, "Europe", FROM_2024, UNTIL_2026, &zone), -EINVAL);
    cr_expect_str_eq(err.text, "'Europe' is no time zone; write a name such as Europe/Berlin");
    cr_expect_eq(make("/nonexistent", "Europe/Berlin", FROM_2024, UNTIL_2026, &zone), -ENOENT);
    cr_expect_str_eq(err.text, "/nonexistent is not there: install the host's time zones (package tzdata)");
    cr_expect_eq(zone.period_count, 0);
}

/* --- a tree of our own ------------------------------------------------------------------------------------------- */

static char directory[] = "/tmp/sallyport-test-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void write_zone(const char *name, const void *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fwrite(data, 1, size, file);
    fclose(file);
}

static void link_zone(const char *name, const char *to)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    cr_assert_eq(symlink(to, path), 0);
}

static void expect_refused(const char *name, int code, const char *part)
{
    struct zone zone = { 0 };
    cr_expect_eq(make(directory, name, FROM_2024, UNTIL_2026, &zone), -code, "%s: %s", name, err.text);
    cr_expect_not_null(strstr(err.text, part), "%s: %s", name, err.text);
    zone_done(&zone);
}

Test(zone_files, that_are_none_or_not_roots_are_refused)
{
    uint8_t berlin[4096];
    FILE *file = fopen(ZONEINFO_DIRECTORY "/Europe/Berlin", "re");
    cr_assert_not_null(file);
    size_t size = fread(berlin, 1, sizeof berlin, file);
    fclose(file);
    umask(022);
    cr_assert_not_null(mkdtemp(directory));
    write_zone("Good", berlin, size);
    link_zone("Link", "Good");
    write_zone("Cut", berlin, size / 2);
    write_zone("Magic", "TZif2", 5);
    write_zone("Short", "TZ", 2);
    write_zone("Text", "CET-1CEST\n", 10);
    write_zone("Open", berlin, size);
    link_zone("Out", "/usr/share/zoneinfo/Europe/Berlin");
    link_zone("Loop", "Loop");
    char path[256];
    snprintf(path, sizeof path, "%s/Open", directory);
    cr_assert_eq(chmod(path, 0666), 0);

    struct zone zone = { 0 };
    cr_expect_eq(make(directory, "Link", FROM_2024, UNTIL_2026, &zone), 0, "%s", err.text);
    cr_expect_eq(zone.period_count, 5);
    cr_expect_str_eq(zone.name, "Link");
    zone_done(&zone);
    expect_refused("Cut", EINVAL, "the system's C library cannot read time zone 'Cut'");
    expect_refused("Magic", EINVAL, "the system's C library cannot read time zone 'Magic'");
    expect_refused("Short", EINVAL, "'Short' is no time zone");
    expect_refused("Text", EINVAL, "'Text' is no time zone");
    expect_refused("Open", EPERM, "/Open' can be changed by others; do: chmod go-w");
    expect_refused("Out", EINVAL, "'Out' leads out of /tmp/sallyport-test-");
    expect_refused("Loop", ELOOP, "there is no time zone 'Loop'");
    cr_assert_eq(chmod(directory, 0777), 0);
    expect_refused("Good", EPERM, "can be changed by others");
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
