#include "sallyport/image/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

static int check_ours(int fd, const char *what, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "stat '%s'", what);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(err, EPERM, "'%s' belongs to somebody else or can be changed by others", what);
    return 0;
}

/* Between the opening and the lock it may have been taken out of the store. */
static int check_still_there(int store_fd, const char *name, int fd, struct error *err)
{
    struct stat held, named;
    if (fstat(fd, &held) < 0)
        return fail(err, errno, "stat '%s'", name);
    if (fstatat(store_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || named.st_dev != held.st_dev ||
        named.st_ino != held.st_ino)
        return fail_plain(err, ENOENT, "'%s' was just removed", name);
    return 0;
}

int image_stored_hold(const char *store, const char *digest, int *ret_fd, struct error *err)
{
    char name[IMAGE_DIGEST_DIGITS + 16];
    snprintf(name, sizeof name, "sha256-%s", digest);
    auto_fd int store_fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store_fd < 0)
        return fail(err, errno, "open the store '%s'", store);
    int done = check_ours(store_fd, store, err);
    if (done < 0)
        return done;
    auto_fd int fd = openat(store_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open '%s' in '%s'", name, store);
    if ((done = check_ours(fd, name, err)) < 0)
        return done;
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? fail_plain(err, EBUSY, "'%s' is being removed", name)
                                    : fail(err, errno, "lock '%s'", name);
    if ((done = check_still_there(store_fd, name, fd, err)) == 0)
        *ret_fd = fd_take(&fd);
    return done;
}

int image_stored_settings(int image_fd, struct image_settings *ret_settings, struct error *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    auto_fd int fd = openat(image_fd, "settings", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "read the image's settings");
    int done = fd_read_file(fd, IMAGE_SETTINGS_MAX_BYTES, &text, &size, err);
    if (done < 0)
        return done;
    done = image_settings_parse((char *)text, size, ret_settings, err);
    if (done < 0)
        image_settings_free(ret_settings);
    return done;
}
