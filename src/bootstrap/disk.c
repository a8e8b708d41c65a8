#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

/* The kernel limits whole disks. /sys has `partition` for their parts alone, below the directory of the whole. */
static int find_whole(dev_t *device, struct error *err)
{
    char path[64], text[32] = "", *rest = text;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(*device), minor(*device));
    if (access(path, F_OK) < 0)
        return 0;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/../dev", major(*device), minor(*device));
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        return fail(err, errno, "read %s", path);
    unsigned number = (unsigned)strtoul(text, &rest, 10);
    if (*rest != ':')
        return fail_plain(err, EBADMSG, "%s is no number of a disk", path);
    *device = makedev(number, (unsigned)strtoul(rest + 1, NULL, 10));
    return 0;
}

int disk_identify(const char *path, uint64_t *ret_device, struct error *err)
{
    struct stat st;
    /* Names of disks are links, and root's. Others could be made by who is to be limited, to lead to another disk. */
    bool is_name_of_root = strncmp(path, "/dev/", 5) == 0;
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_NO_MAGICLINKS | (is_name_of_root ? 0 : RESOLVE_NO_SYMLINKS),
    };
    auto_fd int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd < 0 && errno == ELOOP)
        return fail_plain(err, ELOOP, "'%s' leads through a symbolic link; write the path that it leads to", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s'", path);
    dev_t device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    /* A file system in memory, of a network, of layers or of several disks has a number that no disk has. */
    if (major(device) == 0)
        return fail_plain(err, ENOTBLK, "'%s' lies on no single disk; name the disk itself, such as /dev/vda", path);
    int done = find_whole(&device, err);
    if (done == 0)
        *ret_device = device;
    return done;
}
