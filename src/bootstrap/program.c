#include "program.h"

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

/* Who an inode belongs to when its owner has no name in a user namespace (/proc/sys/kernel/overflowuid): the host's root. */
#define OVERFLOW_UID 65534

static bool belongs_to_owner(const struct stat *st, bool is_rootless)
{
    return st->st_uid == 0 || (is_rootless && st->st_uid == OVERFLOW_UID);
}

static int check_owner(const char *path, const struct stat *st, bool is_rootless, struct error *err)
{
    if (!belongs_to_owner(st, is_rootless))
        return fail_plain(err, EPERM,
                          "'%s' belongs to uid %u and could be changed by it; give it to root (chown root '%s')", path,
                          (unsigned)st->st_uid, path);
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
        return fail_plain(err, EPERM, "'%s' can be changed by others than its owner (chmod go-w '%s')", path, path);
    return 0;
}

/* Every directory above the path. */
static int check_parents(const char *path, bool is_rootless, struct error *err)
{
    char part[PATH_MAX_BYTES];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        struct stat st;
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (stat(part, &st) < 0)
            return fail(err, errno, "'%s'", part);
        int done = check_owner(part, &st, is_rootless, err);
        if (done < 0)
            return done;
    }
    return 0;
}

static int open_program(const char *path, bool is_rootless, int *ret_fd, struct identity *ret_identity,
                        struct error *err)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_NO_MAGICLINKS };
    auto_fd int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return fail_plain(err, ENOENT,
                          "'%s' is not in the job's root: install it, or list its directory under sandbox.read", path);
    if (fd < 0)
        return fail(err, errno, "open '%s'", path);
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "stat '%s'", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
        return fail_plain(err, EACCES, "'%s' is no executable file (chmod +x?)", path);
    int done = check_owner(path, &st, is_rootless, err);
    if (done < 0 || (done = check_parents(path, is_rootless, err)) < 0)
        return done;
    *ret_identity = (struct identity){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .changed_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec,
    };
    *ret_fd = fd_take(&fd);
    return 0;
}

/* "#! /usr/bin/env python3" is read as the kernel does: the first word, and all the rest as one argument (execve(2)). */
static int read_interpreter(int fd, const char *path, struct program *program, struct error *err)
{
    char line[256];
    ssize_t size = pread(fd, line, sizeof line - 1, 0);
    if (size < 0)
        return fail(err, errno, "read '%s'", path);
    if (size < 2 || line[0] != '#' || line[1] != '!')
        return 0;
    line[size] = '\0';
    char *end = strchr(line, '\n');
    if (end == NULL)
        return fail_plain(err, ENOEXEC, "the #! line of '%s' is longer than %zu bytes", path, sizeof line - 2);
    *end = '\0';
    char *word = line + 2 + strspn(line + 2, " \t");
    char *rest = word + strcspn(word, " \t");
    if (*rest != '\0') {
        *rest++ = '\0';
        rest += strspn(rest, " \t");
        for (size_t length = strlen(rest); length > 0 && strchr(" \t", rest[length - 1]) != NULL; length--)
            rest[length - 1] = '\0';
    }
    if (word[0] != '/')
        return fail_plain(err, ENOEXEC, "the #! line of '%s' names no absolute path", path);
    snprintf(program->interpreter, sizeof program->interpreter, "%s", word);
    snprintf(program->interpreter_argument, sizeof program->interpreter_argument, "%s", rest);
    return 0;
}

void program_identify(const char *path, bool is_rootless, struct program *ret_program)
{
    *ret_program = (struct program){ 0 };
    struct error err = { 0 };
    auto_fd int fd = -1;
    auto_fd int interpreter_fd = -1;
    int done = open_program(path, is_rootless, &fd, &ret_program->identity, &err);
    if (done == 0)
        done = read_interpreter(fd, path, ret_program, &err);
    if (done == 0 && ret_program->interpreter[0] != '\0')
        done = open_program(ret_program->interpreter, is_rootless, &interpreter_fd, &ret_program->interpreter_identity,
                            &err);
    if (done < 0)
        snprintf(ret_program->unavailable, sizeof ret_program->unavailable, "%s", err.text);
}
