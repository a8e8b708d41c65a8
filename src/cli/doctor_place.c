/* Where the records are kept: is it a place for a database, and is there room? */
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "doctor.h"

#define DISK_LOW_BYTES  (1024ull * 1024 * 1024)
#define FILES_LOW_COUNT 10000

#define TELL(finding, ...) snprintf((finding)->text, sizeof(finding)->text, __VA_ARGS__)
#define MEND(finding, ...) snprintf((finding)->fix, sizeof(finding)->fix, __VA_ARGS__)

#define GOES_AWAY "all records are gone when the host or the container starts anew"
#define IS_FAR    "locks and syncs of a database cannot be believed there"

static const struct {
    unsigned long type; /* statfs(2) */
    const char *name, *meaning;
} unfit[] = {
    { TMPFS_MAGIC, "tmpfs", GOES_AWAY },
    { RAMFS_MAGIC, "ramfs", GOES_AWAY },
    { OVERLAYFS_SUPER_MAGIC, "overlay", GOES_AWAY },
    { NFS_SUPER_MAGIC, "NFS", IS_FAR },
    { SMB_SUPER_MAGIC, "SMB", IS_FAR },
    { CIFS_SUPER_MAGIC, "CIFS", IS_FAR },
    { SMB2_SUPER_MAGIC, "SMB 2", IS_FAR },
    { V9FS_MAGIC, "9p", IS_FAR },
    { CEPH_SUPER_MAGIC, "Ceph", IS_FAR },
    { FUSE_SUPER_MAGIC, "FUSE", IS_FAR },
};

static void judge_kind(const char *path, const struct statfs *place, unsigned mode, struct findings *findings)
{
    size_t kind = 0, kinds = sizeof unfit / sizeof unfit[0];
    while (kind < kinds && unfit[kind].type != (unsigned long)(unsigned)place->f_type)
        kind++;
    bool is_readable_only = (place->f_flags & ST_RDONLY) != 0, is_open = (mode & (S_IWGRP | S_IWOTH)) != 0;
    struct finding *finding = finding_add(findings,
                                          is_readable_only || is_open ? DOCTOR_FAIL
                                          : kind < kinds              ? DOCTOR_WARN
                                                                      : DOCTOR_PASS,
                                          "state directory");
    if (is_readable_only) {
        TELL(finding, "%s is on a file system that is mounted read-only", path);
        MEND(finding, "mount -o remount,rw %s, or name another place with sallyportd --state", path);
    } else if (is_open) {
        TELL(finding, "%s can be changed by others than its owner (mode %04o)", path, mode & 07777);
        MEND(finding, "chmod go-w %s", path);
    } else if (kind < kinds) {
        TELL(finding, "%s is on %s: %s", path, unfit[kind].name, unfit[kind].meaning);
        MEND(finding, "keep it on a disk of this host: sallyportd --state DIR, or mount one (or a volume) at %s", path);
    } else
        TELL(finding, "%s is on a file system that keeps it", path);
}

static void judge_room(const char *path, const struct statfs *place, struct findings *findings)
{
    unsigned long long free_bytes = (unsigned long long)place->f_bavail * (unsigned long long)place->f_bsize;
    bool is_low = free_bytes < DISK_LOW_BYTES;
    bool has_few = place->f_files > 0 && place->f_ffree < FILES_LOW_COUNT; /* 0: it makes them as it needs them */
    struct finding *disk = finding_add(findings, is_low ? DOCTOR_WARN : DOCTOR_PASS, "disk");
    TELL(disk, "%llu MiB free below %s", free_bytes >> 20, path);
    if (is_low)
        MEND(disk, "make room, or lower retention: in the configuration; without room jobs are refused");
    if (!has_few)
        return;
    struct finding *files = finding_add(findings, DOCTOR_WARN, "inodes");
    TELL(files, "%llu more files can be made below %s; each job's output is one, and artifacts are more",
         (unsigned long long)place->f_ffree, path);
    MEND(files, "remove files there that are not ours, lower retention:, or make the file system anew with more inodes "
                "(mkfs.ext4 -N)");
}

void doctor_judge_place(const char *path, const struct statfs *place, unsigned mode, struct findings *findings)
{
    judge_kind(path, place, mode, findings);
    judge_room(path, place, findings);
}

void doctor_check_place(const char *path, struct findings *findings)
{
    struct statfs place;
    struct stat st;
    if (stat(path, &st) == 0 &&
        statfs(path, &place) == 0) /* else it is not installed as a service, or not ours to see */
        doctor_judge_place(path, &place, (unsigned)st.st_mode, findings);
}
