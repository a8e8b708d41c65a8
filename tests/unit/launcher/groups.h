/* A directory of cgroup version 2 in which groups can be made, where this host has one for us. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Makes it and gives it to uid; -1 if that is not possible here. ret_path is for groups_remove(). */
static inline int groups_make(uid_t uid, char ret_path[128])
{
    static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        struct statfs fs;
        if (statfs(mounts[i], &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
            continue;
        snprintf(ret_path, 128, "%s/sallyport-test-%d", mounts[i], (int)getpid());
        if (mkdir(ret_path, 0755) < 0)
            continue;
        int fd = open(ret_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && fchown(fd, uid, uid) == 0 && fchownat(fd, "cgroup.procs", uid, uid, 0) == 0)
            return fd;
        rmdir(ret_path);
    }
    return -1;
}

static inline int groups_remove(const char *path)
{
    return rmdir(path);
}

/* The same rule in all files: a skip is loud, and a failure where nothing may be skipped. */
#define SKIP(why)                                                                                                      \
    do {                                                                                                               \
        cr_assert_null(getenv("SALLYPORT_TESTS_MUST_RUN"), "would be skipped: %s", why);                               \
        fprintf(stderr, "SKIPPED: %s\n", why);                                                                         \
        cr_skip_test("%s", why);                                                                                       \
    } while (0)
