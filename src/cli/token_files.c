#include "token_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

int token_file_create(const char *path, const char *line, struct error *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, errno, "create file '%s'", path);
    char text[SECRET_MAX_BYTES];
    snprintf(text, sizeof text, "%s\n", line);
    int done = fd_write_all(fd, text, strlen(text), err);
    explicit_bzero(text, sizeof text);
    return done < 0 ? fail_in(err, "file '%s'", path) : 0;
}

static int sync_directory(const char *path)
{
    char directory[PATH_MAX_BYTES];
    const char *slash = strrchr(path, '/');
    int length = snprintf(directory, sizeof directory, "%.*s/", slash != NULL ? (int)(slash - path) : 1,
                          slash != NULL ? path : ".");
    if (length < 0 || (size_t)length >= sizeof directory)
        return -1;
    auto_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

static int write_beside(const char *path, const struct stat *like, const char *text, struct error *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, errno, "create '%s'", path);
    if (fd_write_all(fd, text, strlen(text), err) < 0)
        return fail_in(err, "'%s'", path);
    if (fchown(fd, like->st_uid, like->st_gid) < 0 || fchmod(fd, like->st_mode & 07777) < 0 || fsync(fd) < 0)
        return fail(err, errno, "write '%s'", path);
    return 0;
}

int token_file_replace(const char *path, const char *text, struct error *err)
{
    char beside[PATH_MAX_BYTES + 8];
    struct stat st;
    if (lstat(path, &st) < 0)
        return fail(err, errno, "look at '%s'", path);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EINVAL, "'%s' is no regular file", path);
    snprintf(beside, sizeof beside, "%s.new", path);
    unlink(beside); /* of one that was interrupted */
    int done = write_beside(beside, &st, text, err);
    if (done == 0 && (rename(beside, path) < 0 || sync_directory(path) < 0))
        done = fail(err, errno, "replace '%s'", path);
    if (done < 0)
        unlink(beside);
    return done;
}
