#include "zone_files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "owner.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/schedule/civil.h"

/* No '.': so there is no way up, and no table of zones that is none itself. Zones below right/ count leap seconds. */
static bool is_plain_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t length = strlen(name);
    return length > 0 && length < NAME_MAX_BYTES && strspn(name, letters) == length && name[0] != '/' &&
           name[length - 1] != '/' && strstr(name, "//") == NULL && strncmp(name, "right/", 6) != 0;
}

/*
 * Where the name leads. Many names are links to others in the same tree; one that leads out of it is none of ours to follow,
 * and what is left has no link in it, so that nobody but root can put another file there.
 */
static int find_file(const struct zone_wish *wish, char real[PATH_MAX], struct error *err)
{
    char path[PATH_MAX], directory[PATH_MAX];
    if (!is_plain_name(wish->name))
        return fail_plain(err, EINVAL, "'%.64s' is no name of a time zone; write one such as Europe/Berlin",
                          wish->name);
    snprintf(path, sizeof path, "%s/%s", wish->directory, wish->name);
    if (realpath(wish->directory, directory) == NULL)
        return fail_plain(err, errno, "%s is not there: install the host's time zones (package tzdata)",
                          wish->directory);
    if (realpath(path, real) == NULL)
        return fail_plain(err, errno, "there is no time zone '%s' in %s; write a name such as Europe/Berlin",
                          wish->name, wish->directory);
    size_t length = strlen(directory);
    if (strncmp(real, directory, length) != 0 || real[length] != '/')
        return fail_plain(err, EINVAL, "'%s' leads out of %s, to %s", wish->name, wish->directory, real);
    return 0;
}

static int check_file(const struct zone_wish *wish, const char *real, char *remark, struct error *err)
{
    auto_fd int fd = -1;
    char magic[4];
    struct error refusal = { 0 };
    int done = owner_open(real, false, wish->owners, &fd, remark, &refusal);
    if (done == -EINVAL ||
        (done == 0 && (read(fd, magic, sizeof magic) != sizeof magic || memcmp(magic, "TZif", sizeof magic) != 0)))
        return fail_plain(err, EINVAL, "'%s' is no time zone; write a name such as Europe/Berlin", wish->name);
    if (done < 0)
        *err = refusal;
    return done;
}

static int add_period(struct zone *zone, int64_t from_unix_s, int64_t offset_s, struct error *err)
{
    if (zone->period_count == ZONE_PERIOD_COUNT_MAX)
        return fail_plain(err, EINVAL, "'%s' changes its offset more than %d times", zone->name, ZONE_PERIOD_COUNT_MAX);
    zone->periods[zone->period_count++] = (struct zone_period){ from_unix_s, offset_s };
    return 0;
}

/* By the zone that libc has at the moment. */
static bool read_offset(int64_t unix_s, int64_t *ret_offset_s)
{
    struct tm tm;
    time_t time = (time_t)unix_s;
    /* A file that libc cannot read leaves it with a zone that has no abbreviation. */
    if (localtime_r(&time, &tm) == NULL || tm.tm_zone == NULL || tm.tm_zone[0] == '\0')
        return false;
    *ret_offset_s = tm.tm_gmtoff;
    return true;
}

/* The first second of (before, after] with another offset than `before` has. */
static int64_t find_change(int64_t before, int64_t after, int64_t offset_s)
{
    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2, there;
        if (read_offset(middle, &there) && there == offset_s)
            before = middle;
        else
            after = middle;
    }
    return after;
}

static int read_table(const struct zone_wish *wish, struct zone *zone, struct error *err)
{
    int64_t at = wish->from_unix_s, offset_s = 0, next_offset_s = 0;
    bool is_read = read_offset(at, &offset_s);
    int done = add_period(zone, at, offset_s, err);
    while (is_read && done == 0 && at < wish->until_unix_s) {
        int64_t next = wish->until_unix_s - at < DAY_S ? wish->until_unix_s : at + DAY_S;
        is_read = read_offset(next, &next_offset_s);
        if (is_read && next_offset_s != offset_s) {
            next = find_change(at, next, offset_s);
            is_read = read_offset(next, &offset_s);
            done = add_period(zone, next, offset_s, err);
        }
        at = next;
    }
    return done < 0 || is_read
               ? done
               : fail_plain(err, EINVAL, "the system's C library cannot read time zone '%s'", wish->name);
}

/* libc reads a file when TZ is a colon and its path (tzset(3)). What was there before comes back in any case. */
static int read_by_libc(const struct zone_wish *wish, const char *real, struct zone *zone, struct error *err)
{
    char setting[PATH_MAX + 1];
    const char *old = getenv("TZ");
    char *copy = old != NULL ? strdup(old) : NULL;
    snprintf(setting, sizeof setting, ":%s", real);
    if (old != NULL && copy == NULL)
        return fail(err, ENOMEM, "read time zone '%s'", wish->name);
    int done = setenv("TZ", setting, 1) == 0 ? 0 : fail(err, ENOMEM, "read time zone '%s'", wish->name);
    tzset();
    if (done == 0)
        done = read_table(wish, zone, err);
    if (copy == NULL)
        unsetenv("TZ");
    else if (setenv("TZ", copy, 1) < 0 && done == 0)
        done = fail(err, ENOMEM, "go back to time zone '%s'", copy);
    tzset();
    free(copy);
    return done;
}

int zone_table_make(const struct zone_wish *wish, struct zone *ret_zone, char *remark, struct error *err)
{
    char real[PATH_MAX];
    struct zone zone = { 0 };
    remark[0] = '\0';
    int done = find_file(wish, real, err);
    if (done == 0)
        done = check_file(wish, real, remark, err);
    if (done < 0)
        return done;
    text_copy(zone.name, sizeof zone.name, wish->name);
    zone.periods = calloc(ZONE_PERIOD_COUNT_MAX, sizeof *zone.periods);
    if (zone.periods == NULL)
        return fail(err, ENOMEM, "read time zone '%s'", wish->name);
    done = read_by_libc(wish, real, &zone, err);
    if (done == 0 && zone_fault(&zone) != NULL)
        done = fail_plain(err, EINVAL, "time zone '%s' %s", wish->name, zone_fault(&zone));
    if (done < 0)
        zone_done(&zone);
    else
        *ret_zone = zone;
    return done;
}
