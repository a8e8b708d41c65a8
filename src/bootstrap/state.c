#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define LAST_LIFE_WAIT_MS  10000
#define LAST_LIFE_PAUSE_MS 20 /* a file lock has no event to wait for */

/* Makes the missing directories of the path, one by one. */
static int make_directories(const char *path, struct error *err)
{
    char part[PATH_MAX_BYTES];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return fail(err, ENAMETOOLONG, "state directory '%s'", path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0711) < 0 && errno != EEXIST)
            return fail(err, errno, "make state directory '%s'", part);
        part[i] = path[i];
    }
    return 0;
}

/*
 * Two keepers at the same records would ruin them. Those of a sallyportd that was killed end when they read the end of their
 * control channels: a moment later as a rule, but not while they are stopped, or wait for a disk. A lock of flock(2) belongs
 * to the open file, which we share with whoever we hand it to: so it is held until the last of us has ended.
 */
static int lock_shared_file(int fd, const char *name, struct error *err)
{
    uint64_t deadline_ms = clock_monotonic_ms() + LAST_LIFE_WAIT_MS;
    for (bool is_told = false; flock(fd, LOCK_EX | LOCK_NB) < 0; is_told = true) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(err, errno, "lock the %s's files", name);
        if (clock_monotonic_ms() >= deadline_ms)
            return fail_plain(err, EBUSY,
                              "the %s of a sallyportd that has ended is still there after %d s; end that process first",
                              name, LAST_LIFE_WAIT_MS / 1000);
        if (!is_told)
            log_info("waiting for the end of the %s that an earlier sallyportd left", name);
        poll(NULL, 0, LAST_LIFE_PAUSE_MS);
    }
    return 0;
}

/*
 * The keeper has a lock of its own beside ours (src/keeper/lockdown.c), so ours must be one that is shared. Between the two kinds the
 * kernel may let go of it; 'lock' keeps everybody else away meanwhile.
 */
static int share_lock(int fd, struct error *err)
{
    while (flock(fd, LOCK_SH | LOCK_NB) < 0)
        if (errno != EINTR)
            return fail(err, errno, "share the lock of the keeper's files");
    return 0;
}

/* Its directory stays ours: nobody else can remove the file, or put another in its place. */
static int open_start_record(int state_fd, int *ret_fd, struct error *err)
{
    if (mkdirat(state_fd, "launcher", 0700) < 0 && errno != EEXIST)
        return fail(err, errno, "make 'launcher'");
    auto_fd int directory = openat(state_fd, "launcher", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (directory < 0)
        return fail(err, errno, "open 'launcher'");
    auto_fd int fd = openat(directory, "starts", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(err, errno, "open 'launcher/starts'");
    *ret_fd = fd_take(&fd);
    return 0;
}

int state_open(struct bootstrap *bootstrap, const char *path, struct error *err)
{
    int done = make_directories(path, err);
    if (done < 0)
        return done;
    auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open state directory '%s'", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "stat state directory '%s'", path);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(
            err, EPERM,
            "state directory '%s' belongs to uid %u or can be changed by others; it must be ours alone (chmod go-w)",
            path, (unsigned)st.st_uid);
    auto_fd int lock = openat(fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return fail(err, errno, "open '%s/lock'", path);
    int locked = flock(lock, LOCK_EX | LOCK_NB);
    if (locked < 0 && errno != EWOULDBLOCK)
        return fail(err, errno, "lock '%s/lock'", path);
    if (locked < 0)
        return fail_plain(err, EBUSY,
                          "another sallyportd uses the state directory '%s'; give this one its own with --state", path);
    if (mkdirat(fd, "keeper", 0700) < 0 && errno != EEXIST)
        return fail(err, errno, "make '%s/keeper'", path);
    auto_fd int keeper = openat(fd, "keeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (keeper < 0)
        return fail(err, errno, "open '%s/keeper'", path);
    done = open_start_record(fd, &bootstrap->starts_fd, err);
    if (done == 0)
        done = lock_shared_file(bootstrap->starts_fd, "launcher", err);
    if (done == 0)
        done = lock_shared_file(keeper, "keeper", err);
    if (done == 0)
        done = share_lock(keeper, err);
    if (done < 0)
        return fail_in(err, "state directory '%s'", path);
    bootstrap->state_fd = fd_take(&fd);
    bootstrap->lock_fd = fd_take(&lock);
    bootstrap->keeper_dir_fd = fd_take(&keeper);
    return 0;
}

/*
 * The keeper's files are its alone and are never given away as a tree. When its id has changed (slots.first_uid, or an account
 * made for it meanwhile), somebody who knows must say so.
 */
static int check_keeper_directory(const struct bootstrap *bootstrap, struct error *err)
{
    struct stat st;
    if (fstat(bootstrap->keeper_dir_fd, &st) < 0)
        return fail(err, errno, "stat the keeper's directory");
    if (st.st_uid != bootstrap->ids.keeper && st.st_uid != geteuid())
        return fail_plain(err, EPERM,
                          "the records in the state directory belong to uid %u, and the keeper has uid %u now: set "
                          "slots.first_uid as it was, or do 'chown -R %u:%u keeper' there",
                          (unsigned)st.st_uid, bootstrap->ids.keeper, bootstrap->ids.keeper, bootstrap->ids.keeper);
    if ((st.st_mode & S_IRWXU) != S_IRWXU || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(
            err, EPERM,
            "keeper/ in the state directory has mode %04o: its owner must be able to work in it, and nobody "
            "else to change it (chmod 700 keeper)",
            (unsigned)st.st_mode & 07777);
    return 0;
}

int state_give(struct bootstrap *bootstrap, struct error *err)
{
    int done = check_keeper_directory(bootstrap, err);
    if (done < 0)
        return done;
    if (fchown(bootstrap->keeper_dir_fd, bootstrap->ids.keeper, bootstrap->ids.keeper) < 0)
        return fail(err, errno, "give the keeper its directory");
    if (fchown(bootstrap->starts_fd, bootstrap->ids.launcher, bootstrap->ids.launcher) < 0)
        return fail(err, errno, "give the launcher its start record");
    return 0;
}
