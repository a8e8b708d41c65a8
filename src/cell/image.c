/*
 * A root that is an image: an overlay of the image, which is read-only and shared by all jobs, and of a memory file system that
 * is this job's alone. Made in the slot's user namespace (the kernel allows it since 5.11), below it the template's root,
 * which goes away in the end with all that was not carried over.
 *
 * No path is walked in the image that could lead through a link: whoever made the image does not choose where we mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

#define NEW_ROOT CELL_IMAGE_UPPER "/root"

static int image_fd = -1; /* the image itself, to compare programs with; closed before the job begins */

int cell_image_fd(void)
{
    return image_fd;
}

void cell_close_image(void)
{
    if (image_fd >= 0)
        close(image_fd);
    image_fd = -1;
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0)
        cell_fail("make-image-root", path);
}

/* As large as /tmp, which is another one. */
static void mount_upper(const struct plan *plan)
{
    char options[128];
    snprintf(options, sizeof options, "size=%llu,nr_inodes=%llu,mode=0755", (unsigned long long)plan->tmp_max_bytes,
             (unsigned long long)plan->tmp_max_inodes);
    if (mount("tmpfs", CELL_IMAGE_UPPER, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        cell_fail("mount-image-upper", CELL_IMAGE_UPPER);
    make_directory(NEW_ROOT);
}

static void mount_overlay(const struct plan *plan)
{
    static const char options[] = "lowerdir=" CELL_IMAGE_PLACE ",upperdir=" CELL_IMAGE_UPPER
                                  "/changes,workdir=" CELL_IMAGE_UPPER "/work,userxattr";
    make_directory(CELL_IMAGE_UPPER "/changes");
    make_directory(CELL_IMAGE_UPPER "/work");
    if (!plan->has_single_id && chown(CELL_IMAGE_UPPER "/changes", plan->uid, plan->gid) < 0)
        cell_fail("own-image-root", "/");
    if (mount("overlay", NEW_ROOT, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
        cell_fail("mount-image", "overlay");
}

/* A copy of what is mounted at `from`, at an open place. */
static void attach(const char *from, int place_fd)
{
    int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
    if (tree < 0)
        cell_fail("copy-to-image", from);
    if (move_mount(tree, "", place_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        cell_fail("attach-in-image", from);
    close(tree);
}

static int open_step(int above_fd, const char *name, uint64_t flags)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, above_fd, name, &how, sizeof how);
}

/* One step down; what is missing is made, which a read-only image refuses. */
static int step_down(int above_fd, const char *name, bool is_directory, const char *path)
{
    int fd = open_step(above_fd, name, is_directory ? O_DIRECTORY : 0);
    if (fd < 0 && errno == ENOENT) {
        int made = is_directory ? mkdirat(above_fd, name, 0755) : mknodat(above_fd, name, S_IFREG | 0644, 0);
        if (made < 0)
            cell_fail("make-place-in-image", path);
        fd = open_step(above_fd, name, is_directory ? O_DIRECTORY : 0);
    }
    if (fd < 0)
        cell_fail("find-place-in-image", path);
    close(above_fd);
    return fd;
}

/* Shows what the template has at the path at the same path of the new root. */
static void carry(const char *path)
{
    char name[NAME_MAX + 1];
    struct stat st;
    if (lstat(path, &st) < 0)
        cell_fail("copy-to-image", path);
    int fd = open(NEW_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        cell_fail("find-place-in-image", path);
    for (const char *step = path + 1; *step != '\0';) {
        size_t length = strcspn(step, "/");
        bool is_last = step[length] == '\0';
        if (length >= sizeof name)
            cell_fail_code("find-place-in-image", ENAMETOOLONG, path);
        memcpy(name, step, length);
        name[length] = '\0';
        fd = step_down(fd, name, !is_last || S_ISDIR(st.st_mode), path);
        step += length + !is_last;
    }
    attach(path, fd);
    close(fd);
}

/* The template has it if the host does; else the image's own stays. */
static void carry_if_there(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        carry(path);
    else if (errno != ENOENT)
        cell_fail("copy-to-image", path);
}

static void carry_all(struct span paths)
{
    for (const char *path; (path = span_next_text(&paths)) != NULL;)
        carry(path);
}

static void enter(void)
{
    if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        cell_fail("enter-image", "pivot");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        cell_fail("enter-image", "leave the old root");
}

void cell_enter_image(const struct plan *plan)
{
    mode_t mask = umask(0);
    if ((image_fd = open(CELL_IMAGE_PLACE, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        cell_fail("open-image", CELL_IMAGE_PLACE);
    mount_upper(plan);
    if (plan->image == CELL_IMAGE_WRITABLE)
        mount_overlay(plan);
    else {
        int place = open(NEW_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        attach(CELL_IMAGE_PLACE, place);
        close(place);
    }
    carry("/dev");
    carry("/proc"); /* the dead one: the kernel wants one visible before the job's own is mounted */
    if (plan->has_host_network) {
        carry_if_there("/etc/resolv.conf");
        carry_if_there("/etc/hosts");
    }
    carry_all(plan->readable);
    carry_all(plan->writable);
    enter();
    umask(mask);
}
