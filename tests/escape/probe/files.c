/*
 * Files: what must not be there, not be written, not be made.
 */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int first_readable(const char *const *paths, const char *what)
{
    int code = ENOENT;
    for (; *paths != NULL; paths++) {
        int fd = open(*paths, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0)
            return worked("%s can be opened", *paths);
        if (errno != ENOENT)
            code = errno;
    }
    return blocked(code, "%s", what);
}

static int kernel_knobs(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    static const char *const paths[] = { "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
                                         "/proc/sys/vm/overcommit_memory", NULL };
    return first_readable(paths, "no kernel setting can be opened");
}

static int kernel_secrets(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    static const char *const paths[] = { "/proc/kallsyms",   "/proc/keys",    "/proc/modules",  "/proc/interrupts",
                                         "/proc/version",    "/proc/cpuinfo", "/proc/meminfo",  "/proc/kcore",
                                         "/proc/timer_list", "/sys/kernel",   "/sys/fs/cgroup", NULL };
    return first_readable(paths, "nothing of the kernel can be read");
}

static int hard_link(int argc, char **argv)
{
    (void)argc;
    if (link(argv[0], argv[1]) < 0)
        return blocked(errno, "link %s as %s", argv[0], argv[1]);
    return worked("linked");
}

static int device_node(int argc, char **argv)
{
    char path[256], zero;
    snprintf(path, sizeof path, "%s/probe-zero", argc > 0 ? argv[0] : "/tmp");
    if (mknod(path, S_IFCHR | 0666, makedev(1, 5)) < 0)
        return blocked(errno, "make a device node");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return blocked(errno, "open the device node");
    return judge(read(fd, &zero, 1), "read a device through a node of our own");
}

static int set_user_id(int argc, char **argv)
{
    if (argc < 2) {
        execl(argv[0], argv[0], "S23", argv[0], "look", NULL);
        return blocked(errno, "execute %s", argv[0]);
    }
    if (geteuid() == getuid())
        return blocked(EPERM, "the effective id is %d still", (int)geteuid());
    return worked("the effective id is %d", (int)geteuid());
}

/* A directory: that is what kernels since 6.11 let the root of a user namespace try. */
static int open_by_handle(int argc, char **argv)
{
    const char *directory = argc > 0 ? argv[0] : "/tmp";
    char path[256];
    snprintf(path, sizeof path, "%s/probe-handle", directory);
    mkdir(path, 0700);
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } about = { .handle.handle_bytes = MAX_HANDLE_SZ };
    int mount_id, mount = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (name_to_handle_at(AT_FDCWD, path, &about.handle, &mount_id, 0) < 0)
        return blocked(errno, "name_to_handle_at");
    return judge(open_by_handle_at(mount, &about.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                 "open a directory by its handle");
}

static int fill_disk(int argc, char **argv)
{
    (void)argc;
    static char block[65536];
    long wanted = number(argv[1]) << 20, written = 0;
    memset(block, 'x', sizeof block);
    for (int file = 0; written < wanted; file++) {
        char path[256];
        snprintf(path, sizeof path, "%s/probe-fill-%d", argv[0], file);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return blocked(errno, "after %ld bytes", written);
        for (int i = 0; i < 16 && written < wanted; i++) {
            ssize_t length = write(fd, block, sizeof block);
            if (length < 0)
                return blocked(errno, "after %ld bytes", written);
            written += length;
        }
        close(fd);
    }
    return worked("wrote %ld bytes", written);
}

static int fill_inodes(int argc, char **argv)
{
    (void)argc;
    long wanted = number(argv[1]);
    for (long i = 0; i < wanted; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/probe-inode-%ld", argv[0], i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return blocked(errno, "after %ld files", i);
        close(fd);
    }
    return worked("made %ld files", wanted);
}

static int file_capability(int argc, char **argv)
{
    const char *path = argc > 0 ? argv[0] : "/tmp/probe-capability";
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
    struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                                 .data[0].permitted = 1u << CAP_SYS_ADMIN };
    return judge(setxattr(path, "security.capability", &data, sizeof data, 0), "give a file a capability");
}

static int lease(int argc, char **argv)
{
    const char *path = argc > 0 ? argv[0] : "/tmp/probe-lease";
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return judge(fcntl(fd, F_SETLEASE, F_RDLCK), "take a lease");
}

static int watch_directory(int argc, char **argv)
{
    int fd = open(argc > 0 ? argv[0] : "/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return blocked(errno, "open the directory");
    return judge(fcntl(fd, F_NOTIFY, DN_CREATE | DN_ACCESS), "watch a shared directory");
}

static int watch_file_system(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY), "fanotify_init");
}

static int read_canary(int argc, char **argv)
{
    (void)argc;
    return judge_canary(open(argv[0], O_RDONLY | O_CLOEXEC), argv[0]);
}

static int write_canary(int argc, char **argv)
{
    (void)argc;
    int fd = open(argv[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return blocked(errno, "open %s for writing", argv[0]);
    return judge(write(fd, argv[1], strlen(argv[1])), "write to it");
}

const struct attack file_attacks[] = {
    { "S16", "kernel-settings", kernel_knobs, 0, ": opens files below /proc/sys" },
    { "S17", "kernel-secrets", kernel_secrets, 0, ": opens files of /proc and /sys that tell about the host" },
    { "S21", "hard-link", hard_link, 2, "FROM TO: links a file of another place" },
    { "S22", "device-node", device_node, 0, "[DIRECTORY]: makes /dev/zero's twin and reads it" },
    { "S23", "setuid-program", set_user_id, 1, "SETUID-PROBE: executes it and compares the ids" },
    { "S24", "open-by-handle", open_by_handle, 0, "[DIRECTORY]: open_by_handle_at" },
    { "S28", "fill-disk", fill_disk, 2, "DIRECTORY MIB: writes until refused" },
    { "S29", "fill-inodes", fill_inodes, 2, "DIRECTORY COUNT: makes files until refused" },
    { "S31", "file-capability", file_capability, 0, "[FILE]: setxattr security.capability" },
    { "S32a", "lease", lease, 0, "[FILE]: fcntl F_SETLEASE" },
    { "S32b", "dnotify", watch_directory, 0, "[DIRECTORY]: fcntl F_NOTIFY" },
    { "S33", "fanotify", watch_file_system, 0, ": fanotify_init" },
    { "read", "read-file", read_canary, 1, "FILE: prints its first line" },
    { "write", "write-file", write_canary, 2, "FILE TEXT: writes TEXT over its head" },
    { 0 },
};
