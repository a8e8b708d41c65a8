#include "sallyport/image/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

static int open_directory(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return (int)syscall(SYS_openat2, root_fd, path[0] != '\0' ? path : ".", &how, sizeof how);
}

/* Each missing directory of the path, from the top. */
static int make_missing(int root_fd, const char *path, struct error *err)
{
    char part[PATH_MAX_BYTES];
    for (const char *slash = strchrnul(path, '/');; slash = strchrnul(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        auto_fd int above = -1;
        const char *name = "";
        int done = place_open_parent(root_fd, part, 0, &above, &name, err);
        if (done < 0)
            return done;
        if (mkdirat(above, name, 0755) == 0) {
            if (fchmodat(above, name, 0755, 0) < 0)
                return fail(err, errno, "set the mode of '%s'", part);
        } else if (errno != EEXIST)
            return fail(err, errno, "make the directory '%s'", part);
        if (*slash == '\0')
            return 0;
    }
}

int place_open_parent(int root_fd, const char *path, int makes, int *ret_fd, const char **ret_name, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char above[PATH_MAX_BYTES];
    snprintf(above, sizeof above, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
    int fd = open_directory(root_fd, above);
    if (fd < 0 && errno == ENOENT && makes) {
        int done = make_missing(root_fd, above, err);
        if (done < 0)
            return done;
        fd = open_directory(root_fd, above);
    }
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return fail_plain(err, ELOOP, "'%s' would be written through a link or a file", path);
    if (fd < 0)
        return fail(err, errno, "open the directory of '%s'", path);
    *ret_name = slash != NULL ? slash + 1 : path;
    *ret_fd = fd;
    return 0;
}

static int empty_directory(int fd, struct error *err)
{
    DIR *listing = fdopendir(fd);
    if (listing == NULL) {
        int done = fail(err, errno, "list a directory");
        fd_close(&fd);
        return done;
    }
    int done = 0;
    for (const struct dirent *entry; done == 0 && (entry = readdir(listing)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            done = place_remove_at(dirfd(listing), entry->d_name, err);
    closedir(listing);
    return done;
}

/* As deep as entries may lie: IMAGE_DEPTH_MAX. */
int place_remove_at(int directory_fd, const char *name, struct error *err) /* NOLINT(misc-no-recursion) */
{
    if (unlinkat(directory_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return fail(err, errno, "remove '%s'", name);
    int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open '%s' to remove it", name);
    int done = empty_directory(fd, err);
    if (done == 0 && unlinkat(directory_fd, name, AT_REMOVEDIR) < 0)
        done = fail(err, errno, "remove '%s'", name);
    return done;
}

int place_remove(int root_fd, const char *path, struct error *err)
{
    auto_fd int parent = -1;
    const char *name = "";
    struct error found = { 0 };
    int done = place_open_parent(root_fd, path, 0, &parent, &name, &found);
    if (done == -ENOENT)
        return 0;
    if (done < 0)
        return fail_plain(err, -done, "%s", found.text);
    return place_remove_at(parent, name, err);
}

int place_empty(int root_fd, const char *path, struct error *err)
{
    int fd = open_directory(root_fd, path);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return fail(err, errno, "open '%s' to empty it", path);
    return empty_directory(fd, err);
}

int place_make_directory(int root_fd, const char *path, mode_t mode, struct error *err)
{
    auto_fd int parent = -1;
    const char *name = "";
    struct stat st;
    int done = place_open_parent(root_fd, path, 1, &parent, &name, err);
    if (done < 0)
        return done;
    bool is_there = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && !S_ISDIR(st.st_mode)) {
        if ((done = place_remove_at(parent, name, err)) < 0)
            return done;
        is_there = false;
    }
    if (!is_there && mkdirat(parent, name, 0700) < 0)
        return fail(err, errno, "make the directory '%s'", path);
    auto_fd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 || fchmod(fd, mode) < 0 ? fail(err, errno, "set the mode of '%s'", path) : 0;
}

/* The place of something new: its directory is there, and it is not. */
static int clear_place(int root_fd, const char *path, int *ret_parent, const char **ret_name, struct error *err)
{
    auto_fd int parent = -1;
    int done = place_open_parent(root_fd, path, 1, &parent, ret_name, err);
    if (done == 0)
        done = place_remove_at(parent, *ret_name, err);
    if (done == 0)
        *ret_parent = fd_take(&parent);
    return done;
}

int place_make_file(int root_fd, const char *path, mode_t mode, int *ret_fd, struct error *err)
{
    auto_fd int parent = -1;
    const char *name = "";
    int done = clear_place(root_fd, path, &parent, &name, err);
    if (done < 0)
        return done;
    auto_fd int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return fail(err, errno, "make the file '%s'", path);
    *ret_fd = fd_take(&fd);
    return 0;
}

int place_make_symlink(int root_fd, const char *path, const char *target, struct error *err)
{
    auto_fd int parent = -1;
    const char *name = "";
    int done = clear_place(root_fd, path, &parent, &name, err);
    if (done == 0 && symlinkat(target, parent, name) < 0)
        done = fail(err, errno, "make the link '%s'", path);
    return done;
}

int place_make_hardlink(int root_fd, const char *path, const char *target, struct error *err)
{
    auto_fd int parent = -1, target_parent = -1;
    const char *name = "", *target_name = "";
    struct stat st;
    int done = place_open_parent(root_fd, target, 0, &target_parent, &target_name, err);
    if (done < 0)
        return done;
    if (fstatat(target_parent, target_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "'%s' is a link to '%s'", path, target);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EPERM, "'%s' is a hard link to '%s', which is no file", path, target);
    if (strcmp(path, target) == 0)
        return fail_plain(err, EPERM, "'%s' is a hard link to itself", path);
    done = clear_place(root_fd, path, &parent, &name, err);
    if (done == 0 && linkat(target_parent, target_name, parent, name, 0) < 0)
        done = fail(err, errno, "make the hard link '%s'", path);
    return done;
}
