/* The files of one job, copied as far as they are whole. What the keeper has removed meanwhile is no fault. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/proto/output_log.h"
#include "sallyport/proto/state_files.h"
#include "sallyport/store/store.h"

/* The kernel copies; nothing passes through our memory. */
static int copy_bytes(int to_fd, int from_fd, uint64_t size, struct error *err)
{
    off_t at = 0;
    while ((uint64_t)at < size) {
        ssize_t copied = sendfile(to_fd, from_fd, &at, size - (uint64_t)at);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return fail(err, copied < 0 ? errno : EIO, "copy");
    }
    return 0;
}

/* 1, or 0 when there is no such file. */
static int open_source(const struct backup *backup, const char *name, int *ret_fd, uint64_t *ret_size,
                       struct error *err)
{
    struct stat st;
    auto_fd int fd = openat(backup->from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s'", name);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EINVAL, "'%s' is no file", name);
    *ret_fd = fd_take(&fd);
    *ret_size = (uint64_t)st.st_size;
    return 1;
}

static int copy_file(const struct backup *backup, const char *name, int from_fd, uint64_t size, struct error *err)
{
    auto_fd int to_fd = openat(backup->to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0)
        return fail(err, errno, "make '%s'", name);
    int done = copy_bytes(to_fd, from_fd, size, err);
    return done < 0 ? fail_in(err, "'%s'", name) : 0;
}

/* 1: it is there; 0: not any more. */
static int copy_input(const struct backup *backup, const char *name, struct error *err)
{
    uint64_t size = 0;
    auto_fd int fd = -1;
    if (faccessat(backup->to_fd, name, F_OK, 0) == 0)
        return 1; /* copied with an earlier snapshot; it never changes */
    int found = open_source(backup, name, &fd, &size, err);
    if (found <= 0)
        return found;
    int done = copy_file(backup, name, fd, size, err);
    return done < 0 ? done : 1;
}

int backup_input(struct backup *backup, const struct job_record *record, struct error *err)
{
    struct state_files names = { .input = "" };
    state_files_name(&record->id, &names);
    int found = record->has_stdin ? copy_input(backup, names.input, err) : 1;
    return found > 0 && record->has_files ? copy_input(backup, names.uploads, err) : found;
}

/* Records that begin within the first `bytes` of the log; what is behind speaks of bytes that we do not copy. */
static int count_records(int index_fd, uint64_t index_size, uint64_t bytes, uint64_t *ret_records, struct error *err)
{
    uint64_t records = index_size / OUTPUT_RECORD_BYTES;
    for (; records > 0; records--) {
        uint8_t packed[OUTPUT_RECORD_BYTES];
        struct output_record last;
        if (pread(index_fd, packed, sizeof packed, (off_t)((records - 1) * OUTPUT_RECORD_BYTES)) !=
            (ssize_t)sizeof packed)
            return fail(err, EIO, "read the index of an output");
        output_record_unpack(packed, &last);
        if (last.offset < bytes)
            break;
    }
    *ret_records = records;
    return 0;
}

/*
 * Artefacts are whole when the job's end is recorded, and of a job that has not ended here they are not: it is lost with the
 * copy, and its record speaks of none. The index goes first, so that a copy that was cut short has no stream without one.
 */
static int copy_artifacts(const struct backup *backup, const struct job_record *record, const struct state_files *names,
                          struct error *err)
{
    uint64_t bytes = 0, index_size = 0;
    auto_fd int fd = -1, index_fd = -1;
    if (record->artifacts_stored_bytes == 0)
        return 0;
    int found = open_source(backup, names->artifacts, &fd, &bytes, err);
    if (found > 0)
        found = open_source(backup, names->artifact_index, &index_fd, &index_size, err);
    if (found <= 0)
        return found;
    int done = copy_file(backup, names->artifact_index, index_fd, index_size, err);
    return done < 0 ? done : copy_file(backup, names->artifacts, fd, bytes, err);
}

/*
 * The log is measured before the index is: each of its bytes has a record by then, and the records that came since are
 * left out. Of an ended job it is as long as its record says.
 */
int backup_output(struct backup *backup, const struct job_record *record, struct error *err)
{
    struct state_files names = { .input = "" };
    uint64_t bytes = 0, index_size = 0, records = 0;
    auto_fd int log_fd = -1, index_fd = -1;
    state_files_name(&record->id, &names);
    int found = open_source(backup, names.log, &log_fd, &bytes, err);
    if (found > 0)
        found = open_source(backup, names.index, &index_fd, &index_size, err);
    if (found <= 0)
        return found;
    if (job_has_ended(record->state) && record->output_sha256[0] != '\0' && bytes > record->output_bytes)
        bytes = record->output_bytes;
    int done = count_records(index_fd, index_size, bytes, &records, err);
    if (done == 0 && mkdirat(backup->to_fd, names.output_directory, 0700) < 0 && errno != EEXIST)
        done = fail(err, errno, "make directory '%s'", names.output_directory);
    if (done == 0)
        done = copy_file(backup, names.log, log_fd, bytes, err);
    if (done == 0)
        done = copy_file(backup, names.index, index_fd, records * OUTPUT_RECORD_BYTES, err);
    if (done == 0)
        done = copy_artifacts(backup, record, &names, err);
    if (done < 0)
        return done;
    backup->outputs++;
    backup->output_bytes += bytes;
    return 1;
}
