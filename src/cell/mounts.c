/*
 * What the job sees, on top of the slot's template root (which is read-only for good: its mounts were locked when the
 * bootstrap copied them into the slot's user namespace): a /proc of its own pid namespace, and small memory file systems.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell.h"

#define SECRETS_DIRECTORY   "/run/secrets"
#define SECRETS_TMPFS_BYTES (256 * 1024)

static void mount_tmpfs(const struct plan *plan, const char *path, const char *mode)
{
    char options[160];
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int length;
    if (has_layer(plan, CELL_LAYER_TMP))
        length = snprintf(options, sizeof options, "size=%llu,nr_inodes=%llu,mode=%s,uid=%u,gid=%u",
                          (unsigned long long)plan->tmp_max_bytes, (unsigned long long)plan->tmp_max_inodes, mode,
                          plan->uid, plan->gid);
    else {
        flags = MS_NOSUID | MS_NODEV;
        length = snprintf(options, sizeof options, "mode=%s,uid=%u,gid=%u", mode, plan->uid, plan->gid);
    }
    if (length < 0 || (size_t)length >= sizeof options)
        cell_fail_code("mount-tmpfs", E2BIG, path);
    if (mount("tmpfs", path, "tmpfs", flags, options) < 0)
        cell_fail("mount-tmpfs", path);
}

static void write_secret(const struct plan *plan, int directory_fd, const char *name, const char *value)
{
    int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    if (fd < 0)
        cell_fail("make-secret", name);
    size_t size = strlen(value);
    if (write(fd, value, size) != (ssize_t)size)
        cell_fail("write-secret", name);
    if (!plan->has_single_id && fchown(fd, plan->uid, plan->gid) < 0)
        cell_fail("own-secret", name);
    close(fd);
}

/* Files that only the job can read, on a file system that goes with it and that nobody can write any more. */
static void place_secrets(const struct plan *plan)
{
    if (plan->secrets.size == 0)
        return;
    char options[128];
    snprintf(options, sizeof options, "size=%d,nr_inodes=%d,mode=0500,uid=%u,gid=%u", SECRETS_TMPFS_BYTES,
             2 * PARAM_COUNT_MAX, plan->uid, plan->gid);
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("tmpfs", SECRETS_DIRECTORY, "tmpfs", flags, options) < 0)
        cell_fail("mount-secrets", SECRETS_DIRECTORY);
    int directory_fd = open(SECRETS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        cell_fail("open-secrets", SECRETS_DIRECTORY);
    struct span texts = plan->secrets;
    for (const char *name; (name = span_next_text(&texts)) != NULL;) {
        const char *value = span_next_text(&texts);
        if (value == NULL)
            cell_fail_code("write-secret", EINVAL, name);
        write_secret(plan, directory_fd, name, value);
    }
    close(directory_fd);
    if (mount("tmpfs", SECRETS_DIRECTORY, NULL, flags | MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
        cell_fail("lock-secrets", SECRETS_DIRECTORY);
}

/* The supervisor made it and keeps it: what the job leaves there can be gone through when nothing of the job is left. */
static void attach_tmp(void)
{
    if (move_mount(CELL_TMP, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        cell_fail("attach-tmp", "/tmp");
    close(CELL_TMP);
}

void cell_build_root(const struct plan *plan)
{
    /* A guard against a shared parent: nothing that is mounted below may be seen anywhere else. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        cell_fail("make-private", "/");
    if (plan->image != CELL_NO_IMAGE)
        cell_enter_image(plan);

    /* subset=pid leaves nothing of /proc but processes, hidepid nothing of theirs but one's own. It covers the dead proc
     * of the template, which is there only because the kernel wants one visible already (proc(5), mount_too_revealing). */
    const char *options = has_layer(plan, CELL_LAYER_PROC) ? "subset=pid,hidepid=invisible" : NULL;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
        cell_fail("mount-proc", "/proc");

    if (plan->artifacts.size > 0)
        attach_tmp();
    else
        mount_tmpfs(plan, "/tmp", "1777");
    mount_tmpfs(plan, "/dev/shm", "1777");
    place_secrets(plan);
    cell_place_files(plan);
}
