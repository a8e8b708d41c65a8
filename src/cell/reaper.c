/*
 * The reaper sleeps. It exists because the kernel ends a whole pid namespace when its pid 1 ends: a launcher that dies is
 * followed by all its jobs, at once and without a list of them. It ends when the pipe on descriptor 3 does, which the
 * bootstrap holds; orphans that reach it are reaped by the kernel, because it ignores SIGCHLD.
 */
#include "reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"
#include "cell.h"

#define REAPER_LIFELINE 3

/*
 * No process below may execute a memory file (Linux 6.3; vm.memfd_noexec is of the writer's pid namespace, and children
 * inherit it and cannot lower it). Kernels without it, and rootless instances that may not write it, are told by `doctor`.
 */
static void reaper_forbid_memfd_exec(void)
{
    int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t put = write(fd, "2", 1);
    (void)put;
    close(fd);
}

static int reaper_give_up_power(const char *uid, const char *gid)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -1;
    if (caps_empty_bounding_set() < 0 || caps_lock_securebits() < 0)
        return -1;
    if (strcmp(uid, "-") != 0) {
        unsigned number_uid = (unsigned)strtoul(uid, NULL, 10), number_gid = (unsigned)strtoul(gid, NULL, 10);
        if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, number_gid, number_gid, number_gid) < 0 ||
            syscall(SYS_setresuid, number_uid, number_uid, number_uid) < 0)
            return -1;
    }
    return caps_set(0);
}

/* The bootstrap opens our namespace while it may still look at us, and says so with one byte. */
static int reaper_wait_until_seen(void)
{
    char byte;
    ssize_t got;
    do
        got = read(REAPER_LIFELINE, &byte, 1);
    while (got < 0 && errno == EINTR);
    return got == 1 ? 0 : -1;
}

int reaper_run(const char *uid, const char *gid)
{
    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_NAME, "cell-reaper", 0, 0, 0);
    reaper_forbid_memfd_exec();
    if (reaper_wait_until_seen() < 0)
        return 0;
    if (reaper_give_up_power(uid, gid) < 0)
        return 1;
    for (;;) {
        char byte;
        ssize_t got = read(REAPER_LIFELINE, &byte, 1);
        if (got == 0 || (got < 0 && errno != EINTR))
            return 0;
    }
}
