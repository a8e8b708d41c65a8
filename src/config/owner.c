#include "owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

/* The way to one file. */
struct walk {
    const char *whole;   /* where it leads */
    uid_t self;          /* root, or whoever stands in for it */
    uid_t host_root;     /* what the host's root is called here */
    char path[PATH_MAX]; /* as far as it is judged, for messages */
    size_t length;
    bool is_sticky; /* the directory reached last */
};

static bool add_step(struct walk *walk, const char *step, size_t length)
{
    size_t slash = walk->length > 1 || walk->length == 0;
    if (walk->length + slash + length >= sizeof walk->path)
        return false;
    if (slash)
        walk->path[walk->length++] = '/';
    memcpy(walk->path + walk->length, step, length);
    walk->length += length;
    walk->path[walk->length] = '\0';
    return true;
}

static int judge(struct walk *walk, const struct stat *st, struct error *err)
{
    const char *path = walk->path;
    bool is_directory = S_ISDIR(st->st_mode);
    bool is_open = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
    bool was_sticky = walk->is_sticky;
    walk->is_sticky =
        is_open && is_directory && (st->st_mode & S_ISVTX) != 0 && (st->st_uid == 0 || st->st_uid == walk->host_root);
    if (S_ISLNK(st->st_mode)) {
        char real[PATH_MAX];
        return fail_plain(err, EPERM,
                          "'%s' is a symbolic link, which could be changed behind our back; name its target '%s'", path,
                          realpath(path, real) != NULL ? real : "(it has none)");
    }
    if (st->st_uid != 0 && st->st_uid != walk->self && st->st_uid != walk->host_root)
        return fail_plain(err, EPERM, "'%s' belongs to uid %u, who could change it; do: chown %s '%s'", path,
                          (unsigned)st->st_uid, walk->self == 0 ? "root" : "$(id -un)", path);
    if (is_open && !walk->is_sticky)
        return fail_plain(err, EPERM, "'%s' can be changed by others; do: chmod go-w '%s'", path, path);
    if (was_sticky && !is_directory)
        return fail_plain(err, EPERM,
                          "'%s' lies in a directory where everybody can put files; move it to one of its own", path);
    return 0;
}

/* Opens what comes next and judges it before anything is read from it. */
static int open_step(struct walk *walk, int directory_fd, const char *name, int flags, int *ret_fd, struct error *err)
{
    auto_fd int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s'", walk->whole);
    int done = judge(walk, &st, err);
    if (done < 0)
        return done;
    if (flags != O_PATH) {
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
            return fail_plain(err, EPERM, "'%s' is no regular file", walk->path);
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        auto_fd int readable = open(link, flags | O_NOCTTY | O_CLOEXEC);
        if (readable < 0)
            return fail(err, errno, "open '%s'", walk->whole);
        *ret_fd = fd_take(&readable);
        return 0;
    }
    *ret_fd = fd_take(&fd);
    return 0;
}

/*
 * A rootless instance that reads its configuration again is inside its own user namespace, where the host's root, like all
 * others, has no number of its own: it goes by that of the owner of "/". The first reading, outside, told them apart.
 */
static uid_t host_root_here(enum config_owner_check check)
{
    struct stat st;
    return check == CONFIG_OWNER_SELF && stat("/", &st) == 0 ? st.st_uid : 0;
}

/* path is absolute. */
static int walk_to(const char *path, int last_flags, enum config_owner_check check, int *ret_fd, struct error *err)
{
    struct walk walk = {
        .whole = path,
        .self = check == CONFIG_OWNER_SELF ? geteuid() : 0,
        .host_root = host_root_here(check),
        .path = "/",
        .length = 1,
    };
    auto_fd int fd = -1;
    int done = open_step(&walk, AT_FDCWD, "/", O_PATH, &fd, err);
    for (const char *step = path + strspn(path, "/"); done == 0 && *step != '\0';) {
        size_t length = strcspn(step, "/");
        const char *next = step + length + strspn(step + length, "/");
        char name[NAME_MAX + 1];
        if (!text_copy_bytes(name, sizeof name, step, length) || !add_step(&walk, step, length))
            return fail(err, ENAMETOOLONG, "open '%.200s'", path);
        int fd_next = -1;
        done = open_step(&walk, fd, name, *next != '\0' ? O_PATH : last_flags, &fd_next, err);
        fd_close(&fd);
        fd = fd_next;
        step = next;
    }
    if (done == 0)
        *ret_fd = fd_take(&fd);
    return done;
}

static int make_absolute(const char *path, char absolute[PATH_MAX], struct error *err)
{
    if (path[0] == '/')
        return text_copy(absolute, PATH_MAX, path) ? 0 : fail(err, ENAMETOOLONG, "open '%.200s'", path);
    if (getcwd(absolute, PATH_MAX) == NULL)
        return fail(err, errno, "find the current directory");
    size_t length = strlen(absolute);
    int added = snprintf(absolute + length, PATH_MAX - length, "/%s", path);
    return (size_t)added < PATH_MAX - length ? 0 : fail(err, ENAMETOOLONG, "open '%.200s'", path);
}

static int check_kind(int fd, const char *path, bool is_directory, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "stat '%s'", path);
    if (is_directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        return fail_plain(err, is_directory ? ENOTDIR : EINVAL, "'%s' is no %s", path,
                          is_directory ? "directory" : "regular file");
    return 0;
}

int owner_open(const char *path, bool is_directory, enum config_owner_check check, int *ret_fd, char *remark,
               struct error *err)
{
    int flags = O_RDONLY | O_NONBLOCK | (is_directory ? O_DIRECTORY : 0);
    char absolute[PATH_MAX];
    auto_fd int fd = -1;
    struct error refusal = { 0 };
    remark[0] = '\0';
    int done = make_absolute(path, absolute, err);
    if (done < 0)
        return done;
    done = walk_to(absolute, flags, check, &fd, &refusal);
    if (done == -EPERM && check == CONFIG_OWNER_ANY) {
        text_copy(remark, ERROR_TEXT_BYTES, refusal.text);
        fd = open(absolute, flags | O_NOCTTY | O_CLOEXEC);
        done = fd < 0 ? fail(&refusal, errno, "open '%s'", path) : 0;
    }
    if (done == 0)
        done = check_kind(fd, path, is_directory, &refusal);
    if (done < 0) {
        *err = refusal;
        return done;
    }
    *ret_fd = fd_take(&fd);
    return 0;
}
