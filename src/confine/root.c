#include "sallyport/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

/* A tmpfs that holds nothing and never will: one page, no room for an inode beside its root, read-only. */
static int empty_root_open(int *ret_fd, struct error *err)
{
    auto_fd int file_system = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (file_system < 0)
        return fail(err, errno, "make an empty root: fsopen");
    static const struct {
        const char *key, *value;
    } options[] = { { "size", "4k" }, { "nr_inodes", "2" }, { "mode", "0555" } };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (fsconfig(file_system, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) < 0)
            return fail(err, errno, "make an empty root: %s=%s", options[i].key, options[i].value);
    }
    if (fsconfig(file_system, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fail(err, errno, "make an empty root: create");
    unsigned flags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    auto_fd int mount_fd = fsmount(file_system, FSMOUNT_CLOEXEC, flags);
    if (mount_fd < 0)
        return fail(err, errno, "make an empty root: fsmount");
    *ret_fd = fd_take(&mount_fd);
    return 0;
}

/* The caller's directory as a mount of its own; writable if it was, but nothing in it runs or is a device. */
static int given_root_open(int root_fd, int *ret_fd, struct error *err)
{
    auto_fd int mount_fd = open_tree(root_fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount_fd < 0)
        return fail(err, errno, "take the given directory as root: open_tree");
    struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                                     .propagation = MS_PRIVATE };
    if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) < 0)
        return fail(err, errno, "take the given directory as root: mount_setattr");
    *ret_fd = fd_take(&mount_fd);
    return 0;
}

int confine_root(int root_fd, struct error *err)
{
    /* Only a mount of the namespace that we are in can be copied, and the descriptor belongs to the old one: copy first. */
    auto_fd int root = -1;
    int done = root_fd < 0 ? 0 : given_root_open(root_fd, &root, err);
    if (done < 0)
        return done;
    if (unshare(CLONE_NEWNS) < 0)
        return fail(err, errno, "unshare the mount namespace");
    if (root < 0 && (done = empty_root_open(&root, err)) < 0)
        return done;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(err, errno, "make all mounts private");

    /* "/" is the one directory that always exists; the new mount lies on top of it until pivot_root(2) swaps them. */
    if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail(err, errno, "attach the new root");
    if (fchdir(root) < 0)
        return fail(err, errno, "enter the new root");
    /* EINVAL here: our root is the initial ramfs, which cannot be pivoted away from; switch_root(8) helps. */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return fail(err, errno, "pivot_root");
    if (umount2(".", MNT_DETACH) < 0)
        return fail(err, errno, "detach the old root");
    if (chdir("/") < 0)
        return fail(err, errno, "enter /");
    return 0;
}
