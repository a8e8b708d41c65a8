#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

/* glibc's <sys/mount.h> cannot be included beside the kernel's header. */
#define OLD_MNT_DETACH 2
#define OLD_MS_PRIVATE (1u << 18)

static const uint64_t kind_attributes[] = {
    [TREE_PROGRAMS] = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
    [TREE_WRITABLE] = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
    [TREE_DATA] = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
    [TREE_DEVICE] = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
};

static int set_attributes(int fd, uint64_t attributes, unsigned flags)
{
    struct mount_attr attr = { .attr_set = attributes, .propagation = OLD_MS_PRIVATE };
    return (int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, &attr, sizeof attr);
}

int tree_copy(const char *path, enum tree_kind kind, bool follows_links, int *ret_fd, struct error *err)
{
    return tree_copy_at(AT_FDCWD, path, kind, follows_links, ret_fd, err);
}

int tree_copy_at(int directory_fd, const char *path, enum tree_kind kind, bool follows_links, int *ret_fd,
                 struct error *err)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_NO_MAGICLINKS | (follows_links ? 0 : RESOLVE_NO_SYMLINKS),
    };
    auto_fd int source = (int)syscall(SYS_openat2, directory_fd, path, &how, sizeof how);
    if (source < 0 && errno == ELOOP && !follows_links)
        return fail_plain(err, ELOOP, "'%s' leads through a symbolic link; write the path that it leads to", path);
    if (source < 0)
        return fail(err, errno, "open '%s'", path);
    auto_fd int tree =
        (int)syscall(SYS_open_tree, source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
    if (tree < 0)
        return fail(err, errno, "copy the tree '%s'", path);
    if (set_attributes(tree, kind_attributes[kind], AT_RECURSIVE) < 0)
        return fail(err, errno, "restrict the tree '%s'", path);
    *ret_fd = fd_take(&tree);
    return 0;
}

int tree_copy_mapped(const char *path, int user_namespace, int *ret_fd, struct error *err)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace };
    auto_fd int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return fail(err, errno, "copy the tree '%s'", path);
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return fail(err, errno, "give the files of '%s' another owner", path);
    *ret_fd = fd_take(&tree);
    return 0;
}

int tree_new_tmpfs(const char *mode, int *ret_fd, struct error *err)
{
    auto_fd int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", "1M", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", "2048", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fail(err, errno, "make a memory file system");
    *ret_fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return *ret_fd < 0 ? fail(err, errno, "mount a memory file system") : 0;
}

/* Runs in a pid namespace of its own and shares our descriptors: what it opens is ours, and it ends at once. */
static int open_proc_of_own_namespace(void)
{
    int context = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
    if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "hidepid", "invisible", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int tree_dead_proc(int *ret_fd, struct error *err)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int answer = pipe_fds[0], question = pipe_fds[1];
    struct clone_args args = { .flags = CLONE_NEWPID | CLONE_FILES, .exit_signal = SIGCHLD };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return fail(err, errno, "make a pid namespace");
    struct {
        int fd, code;
    } made = { -1, EIO };
    if (pid == 0) {
        made.fd = open_proc_of_own_namespace();
        made.code = made.fd < 0 ? errno : 0;
        ssize_t put = write(question, &made, sizeof made);
        _exit(put == (ssize_t)sizeof made ? 0 : 1);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    fd_close(&question); /* else a child that could not write would leave us waiting for ourselves */
    if (read(answer, &made, sizeof made) != (ssize_t)sizeof made || made.code != 0)
        return fail(err, made.code != 0 ? made.code : EIO, "mount an empty procfs");
    *ret_fd = made.fd;
    return 0;
}

/*
 * Opens a place below the root as it is there, through no symbolic link: below an attached tree the names are those of the
 * host, and a job that may write there can change them at any moment. With RESOLVE_NO_XDEV: of our own root only.
 */
static int open_place(int root_fd, const char *path, uint64_t more, int *ret_fd)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | more,
    };
    int fd = (int)syscall(SYS_openat2, root_fd, path[0] == '/' ? path + 1 : path, &how, sizeof how);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* One directory of our own root; what another tree has there is taken as it is, and nothing is made in it. */
static int make_directory(int root_fd, const char *path, struct error *err)
{
    auto_fd int parent = -1;
    int there = -1;
    const char *name = strrchr(path, '/');
    int found = open_place(root_fd, path, 0, &there);
    fd_close(&there);
    if (found == 0)
        return 0;
    if (found == -ENOENT && name == NULL) {
        parent = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
        found = parent < 0 ? -errno : 0;
    } else if (found == -ENOENT) {
        char above[PATH_MAX_BYTES];
        snprintf(above, sizeof above, "%.*s", (int)(name - path), path);
        found = open_place(root_fd, above, RESOLVE_NO_XDEV, &parent);
    }
    if (parent < 0)
        return fail(err, -found, "make '/%s' in the job's root", path);
    if (mkdirat(parent, name == NULL ? path : name + 1, 0755) < 0 && errno != EEXIST)
        return fail(err, errno, "make '/%s' in the job's root", path);
    return 0;
}

int tree_make_directories(int root_fd, const char *path, struct error *err)
{
    char part[PATH_MAX_BYTES];
    snprintf(part, sizeof part, "%s", path[0] == '/' ? path + 1 : path);
    for (char *slash = part; slash != NULL;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        int done = part[0] != '\0' ? make_directory(root_fd, part, err) : 0;
        if (done < 0)
            return done;
        if (slash != NULL)
            *slash = '/';
    }
    return 0;
}

int tree_make_file(int root_fd, const char *path, const char *content, struct error *err)
{
    char parent[PATH_MAX_BYTES];
    snprintf(parent, sizeof parent, "%s", path[0] == '/' ? path + 1 : path);
    char *slash = strrchr(parent, '/');
    auto_fd int directory = -1;
    int done = 0;
    if (slash != NULL) {
        *slash = '\0';
        if ((done = tree_make_directories(root_fd, parent, err)) < 0)
            return done;
        done = open_place(root_fd, parent, RESOLVE_NO_XDEV, &directory);
    } else if ((directory = fcntl(root_fd, F_DUPFD_CLOEXEC, 0)) < 0)
        done = -errno;
    if (done < 0)
        return fail(err, -done, "make '%s' in the job's root", path);
    auto_fd int fd =
        openat(directory, slash != NULL ? slash + 1 : parent, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(err, errno, "make '%s' in the job's root", path);
    return fd_write_all(fd, content, strlen(content), err);
}

int tree_attach(int root_fd, const char *path, int tree_fd, struct error *err)
{
    struct stat st;
    if (fstat(tree_fd, &st) < 0)
        return fail(err, errno, "stat the tree for '%s'", path);
    auto_fd int place = -1;
    int done = open_place(root_fd, path, 0, &place);
    if (done == -ENOENT) {
        done = S_ISDIR(st.st_mode) ? tree_make_directories(root_fd, path, err) : tree_make_file(root_fd, path, "", err);
        if (done < 0)
            return done;
        done = open_place(root_fd, path, 0, &place);
    }
    if (done < 0)
        return fail(err, -done, "find the place of '%s' in the job's root", path);
    if (syscall(SYS_move_mount, tree_fd, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return fail(err, errno, "attach '%s' in the job's root", path);
    return 0;
}

int tree_become_root(int tree_fd, struct error *err)
{
    if (fchdir(tree_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return fail(err, errno, "enter the job's root");
    if (syscall(SYS_umount2, ".", OLD_MNT_DETACH) < 0 || chdir("/") < 0)
        return fail(err, errno, "leave the host's root");
    if (set_attributes(tree_fd, MOUNT_ATTR_RDONLY, 0) < 0)
        return fail(err, errno, "make the job's root read-only");
    return 0;
}
