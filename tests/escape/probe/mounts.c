/*
 * Mounts, roots and namespaces.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int mount_tmpfs(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(mount("none", "/tmp", "tmpfs", 0, NULL), "mount a tmpfs over /tmp");
}

static int remount(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND, NULL), "take the flags off /tmp");
}

static int mount_by_descriptor(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int context = (int)syscall(SYS_fsopen, "tmpfs", 0);
    if (context < 0)
        return blocked(errno, "fsopen");
    if (syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
        return blocked(errno, "fsconfig");
    int tree = (int)syscall(SYS_fsmount, context, 0, 0);
    if (tree < 0)
        return blocked(errno, "fsmount");
    return judge(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp", 4 /* MOVE_MOUNT_F_EMPTY_PATH */),
                 "attach a new tmpfs");
}

static int unmount(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(umount2("/tmp", MNT_DETACH), "unmount /tmp");
}

static int change_root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(chroot("/tmp"), "chroot to /tmp");
}

static int pivot(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(syscall(SYS_pivot_root, "/tmp", "/tmp"), "pivot_root to /tmp");
}

/* The old way out of a chroot: a descriptor stays outside of the next one, and from there it goes up as far as there is an up. */
static int leave_chroot(int argc, char **argv)
{
    (void)argc;
    int outside = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[1024];
    snprintf(path, sizeof path, "%s/probe-inner", argv[0]);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return broken("make %s: %s", path, strerror(errno));
    if (chroot(path) < 0)
        return blocked(errno, "chroot to %s", path);
    if (fchdir(outside) < 0)
        return broken("go back outside: %s", strerror(errno));
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            return blocked(errno, "go up");
    if (chroot(".") < 0)
        return blocked(errno, "chroot to the top");
    return judge_canary(open(argv[1], O_RDONLY | O_CLOEXEC), "a file above the root");
}

/* A user namespace of its own would give a job all capabilities over new namespaces. */
static int new_user_namespace(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int limit = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
    if (limit >= 0) {
        ssize_t ignored = write(limit, "100", 3);
        (void)ignored;
        close(limit);
    }
    return judge(unshare(CLONE_NEWUSER), "make a user namespace");
}

static int enter_namespace(int argc, char **argv)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/uts", argc > 0 ? argv[0] : "1");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return blocked(errno, "open %s", path);
    return judge(setns(fd, CLONE_NEWUTS), "enter the namespace of init");
}

static int mounts_name_host(int argc, char **argv)
{
    (void)argc;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL)
        return blocked(errno, "open mountinfo");
    char line[4096];
    while (fgets(line, sizeof line, mounts) != NULL)
        if (strstr(line, argv[0]) != NULL)
            return worked("mountinfo shows %s", argv[0]);
    return blocked(ENOENT, "mountinfo does not show it");
}

static int clone3_namespaces(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct clone_args args = { .flags = CLONE_NEWUTS, .exit_signal = SIGCHLD };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return blocked(errno, "clone3 with a namespace flag");
    waitpid((pid_t)pid, NULL, 0);
    return worked("clone3 made a namespace");
}

const struct attack mount_attacks[] = {
    { "S11a", "mount", mount_tmpfs, 0, ": mount(2) a tmpfs" },
    { "S11b", "remount", remount, 0, ": takes noexec, nosuid and nodev off /tmp" },
    { "S11c", "fsopen", mount_by_descriptor, 0, ": fsopen, fsmount, move_mount" },
    { "S12a", "umount", unmount, 0, ": unmounts /tmp" },
    { "S12b", "chroot", change_root, 0, ": chroot(2)" },
    { "S12c", "pivot_root", pivot, 0, ": pivot_root(2)" },
    { "S13", "leave-chroot", leave_chroot, 2,
      "DIRECTORY CANARY: goes up from a chroot in DIRECTORY, and reads CANARY" },
    { "S14", "user-namespace", new_user_namespace, 0, ": raises the limit if it can, then unshare(CLONE_NEWUSER)" },
    { "S15", "setns", enter_namespace, 0, "[PID]: enters a namespace of init" },
    { "S34", "mountinfo", mounts_name_host, 1, "TEXT: looks for TEXT in the mount table" },
    { "S39", "clone3", clone3_namespaces, 0, ": clone3 with CLONE_NEWUTS" },
    { 0 },
};
