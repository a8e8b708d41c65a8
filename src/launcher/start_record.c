#include "start_record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

int start_file_take(struct start_file *file, int fd, struct error *err)
{
    struct stat st;
    auto_fd int taken = fd;
    int flags = fcntl(taken, F_GETFL);
    if (flags < 0 || fstat(taken, &st) < 0)
        return fail(err, errno, "look at the start record");
    if (!S_ISREG(st.st_mode) || (flags & O_APPEND) == 0 || (flags & O_ACCMODE) != O_WRONLY)
        return fail_plain(err, EINVAL, "the start record is no file that can only be appended to");
    if (st.st_size % START_RECORD_BYTES != 0 && ftruncate(taken, st.st_size - st.st_size % START_RECORD_BYTES) < 0)
        return fail(err, errno, "cut an unfinished entry off the start record");
    *file = (struct start_file){ .fd = fd_take(&taken) };
    return 0;
}

/* A short write leaves a part of a record behind; the rest goes first the next time, or no later record could be found. */
static int write_left(struct start_file *file, struct error *err)
{
    while (file->left > 0) {
        ssize_t written = write(file->fd, file->bytes + sizeof file->bytes - file->left, file->left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail(err, written < 0 ? errno : EIO, "write the start record");
        file->left -= (size_t)written;
    }
    return 0;
}

int start_file_add(struct start_file *file, const struct start_record *record, struct error *err)
{
    assert(record->audit_head.size == START_RECORD_HEAD_BYTES);
    /* Nothing of a record is written yet: the next may take its place, for its order was refused. */
    if (file->left == sizeof file->bytes)
        file->left = 0;
    int done = write_left(file, err);
    if (done < 0)
        return done;
    struct writer out = { file->bytes, sizeof file->bytes };
    done = record_encode(&start_record_def, record, &out, err);
    if (done < 0)
        return done;
    assert(out.left == 0);
    file->left = sizeof file->bytes;
    return write_left(file, err);
}
