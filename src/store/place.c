/*
 * What lies where the database should be, before SQLite looks. It has one sentence for all of this ("unable to open"), and
 * for some of it none: it would go on read-only, or write through a file that is not ours.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/limits.h"
#include "statement.h"

/* The database, its log, and the map of the log. */
static const char *const suffixes[] = { "", "-wal", "-shm" };

static int check_file(const char *path, struct error *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : fail(err, errno, "look at '%s'", path);
    if (S_ISLNK(st.st_mode))
        return fail_plain(err, ELOOP, "'%s' is a symbolic link, and is not followed: put the file itself there", path);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EPROTO, "'%s' is no file: move it away, and put the database back", path);
    if (st.st_uid != geteuid())
        return fail_plain(err, EPERM, "'%s' belongs to uid %u and must belong to uid %u: chown it, and all beside it",
                          path, (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & (S_IRUSR | S_IWUSR)) != (S_IRUSR | S_IWUSR))
        return fail_plain(err, EACCES, "'%s' has mode %04o, and its owner must read and write it: chmod 600", path,
                          (unsigned)st.st_mode & 07777);
    return 0;
}

int place_check(const char *path, struct error *err)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char name[PATH_MAX_BYTES];
        int length = snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (length < 0 || length >= (int)sizeof name)
            return fail(err, ENAMETOOLONG, "'%s'", path);
        int done = check_file(name, err);
        if (done < 0)
            return done;
    }
    return 0;
}
