/*
 * The file system in which a root makes a backup. SQLite finds files by path, and both directories must have one that the
 * keeper's account can walk, wherever they are on the host: so they become /state and /backup of a root that has nothing
 * else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/confine/confine.h"
#include "sallyport/limits.h"
#include "sallyport/proto/state_files.h"

#define PART STATE_FILE_DATABASE ".part"

/* On top of "/": paths do not lead there yet, only the descriptor does. */
static int attach_root(int *ret_fd, struct error *err)
{
    auto_fd int file_system = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (file_system < 0 || fsconfig(file_system, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
        fsconfig(file_system, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fail(err, errno, "make a file system");
    auto_fd int root = fsmount(file_system, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (root < 0 || move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail(err, errno, "attach a file system");
    *ret_fd = fd_take(&root);
    return 0;
}

static int attach(int root, const char *name, int tree, struct error *err)
{
    if (mkdirat(root, name, 0555) < 0 || move_mount(tree, "", root, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail(err, errno, "attach '%s'", name);
    return 0;
}

static int copy_mount(int fd, int *ret_tree, struct error *err)
{
    *ret_tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return *ret_tree < 0 ? fail(err, errno, "open_tree") : 0;
}

static int make_view(const struct backup *backup, int *ret_root, struct error *err)
{
    /* Only a mount of the namespace that we are in can be copied: before we leave it. */
    auto_fd int from = -1, to = -1, root = -1;
    int done = copy_mount(backup->from_fd, &from, err);
    if (done == 0)
        done = copy_mount(backup->to_fd, &to, err);
    if (done < 0)
        return done;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(err, errno, "make a mount namespace");
    done = attach_root(&root, err);
    if (done == 0)
        done = attach(root, "state", from, err);
    if (done == 0)
        done = attach(root, "backup", to, err);
    if (done == 0)
        *ret_root = fd_take(&root);
    return done;
}

static int enter_as_keeper(struct backup *backup, const struct backup_place *place, struct error *err)
{
    auto_fd int root = -1;
    int done = make_view(backup, &root, err);
    if (done == 0)
        done = confine_root(root, err);
    if (done == 0)
        done = confine_become(place->uid, place->gid, false, err);
    backup->from_db = "/state/" STATE_FILE_DATABASE;
    backup->to_db = "/backup/" PART;
    return done < 0 ? fail_in(err, "become the keeper's account") : 0;
}

/* Without links on the way, which SQLite is told to refuse. */
static int settle(const char *directory, const char *name, char path[PATH_MAX_BYTES], struct error *err)
{
    auto_free char *real = realpath(directory, NULL);
    if (real == NULL)
        return fail(err, errno, "find '%s'", directory);
    int length = snprintf(path, PATH_MAX_BYTES, "%s/keeper/%s", real, name);
    return length < 0 || length >= PATH_MAX_BYTES ? fail(err, ENAMETOOLONG, "'%s'", directory) : 0;
}

int backup_enter(struct backup *backup, const struct backup_place *place, struct error *err)
{
    static char from_db[PATH_MAX_BYTES], to_db[PATH_MAX_BYTES];
    if (geteuid() == 0)
        return enter_as_keeper(backup, place, err);
    backup->from_db = from_db;
    backup->to_db = to_db;
    int done = settle(place->from_path, STATE_FILE_DATABASE, from_db, err);
    return done < 0 ? done : settle(place->to_path, PART, to_db, err);
}
