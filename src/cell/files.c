/*
 * A job's uploads: each a file of its own in /run/files, on a memory file system that is as large as they are, goes with the
 * job, and cannot be written any more. The bundle was looked at by everybody on the way, and is looked at again: a name
 * becomes a path here, and a size becomes memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cell.h"
#include "sallyport/base/file_bundle.h"

#define SPARE_INODES 2 /* the directory, and one more */

static struct bundle bundle;
static uint8_t piece[64 * 1024];

static void mount_files(const struct plan *plan, unsigned long flags)
{
    char options[160];
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes = page; /* a size of 0 would be no limit at all */
    for (uint32_t i = 0; i < bundle.count; i++)
        bytes += (bundle.files[i].bytes + page - 1) / page * page;
    snprintf(options, sizeof options, "size=%llu,nr_inodes=%u,mode=0500,uid=%u,gid=%u", (unsigned long long)bytes,
             bundle.count + SPARE_INODES, plan->uid, plan->gid);
    if (mount("tmpfs", FILES_DIRECTORY, "tmpfs", flags, options) < 0)
        cell_fail("mount-files", FILES_DIRECTORY);
}

static void copy_bytes(int to_fd, const struct bundle_file *file)
{
    for (uint64_t at = 0; at < file->bytes;) {
        size_t wanted = file->bytes - at < sizeof piece ? (size_t)(file->bytes - at) : sizeof piece;
        ssize_t got = pread(CELL_FILES, piece, wanted, (off_t)(file->offset + at));
        if (got <= 0)
            cell_fail_code("read-file", got < 0 ? errno : EIO, file->name);
        if (write(to_fd, piece, (size_t)got) != got)
            cell_fail("write-file", file->name);
        at += (uint64_t)got;
    }
}

static void place_file(const struct plan *plan, int directory_fd, const struct bundle_file *file)
{
    int fd = openat(directory_fd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    if (fd < 0)
        cell_fail("make-file", file->name);
    copy_bytes(fd, file);
    if (!plan->has_single_id && fchown(fd, plan->uid, plan->gid) < 0)
        cell_fail("own-file", file->name);
    close(fd);
}

void cell_place_files(const struct plan *plan)
{
    if (!plan->has_files)
        return;
    if (bundle_read_sealed(CELL_FILES, UPLOADS_MAX_BYTES, &bundle, NULL) < 0)
        cell_fail_code("check-files", EBADMSG, "");
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    mount_files(plan, flags);
    int directory_fd = open(FILES_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        cell_fail("open-files", FILES_DIRECTORY);
    for (uint32_t i = 0; i < bundle.count; i++)
        place_file(plan, directory_fd, &bundle.files[i]);
    close(directory_fd);
    close(CELL_FILES); /* init and the job have no use for it */
    if (mount("tmpfs", FILES_DIRECTORY, NULL, flags | MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
        cell_fail("lock-files", FILES_DIRECTORY);
}
