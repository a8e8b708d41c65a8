#include "stdin_ready.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copies.h"
#include "keeper.h"
#include "stdin_file.h"
#include "stdin_stream.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define AGAIN_MS 1000

static void on_read(struct keeper *keeper, void *arg, int result, const struct error *err);

void stdin_forget(struct keeper *keeper, struct job *job)
{
    copy_stop(keeper, job->stdin_copy);
    job->stdin_copy = NULL;
    fd_close(&job->stdin_fd);
}

static void try_again(struct keeper *keeper, struct job *job, const struct error *err)
{
    log_error("a job of '%s' cannot be launched: %s; it waits again", job->record.command, err->text);
    stdin_forget(keeper, job);
    queue_pause(keeper, AGAIN_MS);
}

static int begin_reading(struct keeper *keeper, struct job *job, struct error *err)
{
    uint64_t size;
    auto_fd int file_fd = -1;
    int done = stdin_file_open(keeper->state_fd, &job->record.id, &file_fd, &size, err);
    if (done < 0)
        return done;
    job->stdin_fd = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (job->stdin_fd < 0 || fchmod(job->stdin_fd, 0400) < 0)
        return fail(err, errno, "make a memory file of standard input");
    struct copy_wish wish = { .from_fd = file_fd, .to_fd = job->stdin_fd, .size = size, .ended = on_read, .arg = job };
    return copy_begin(keeper, &wish, &job->stdin_copy, err);
}

bool stdin_is_ready(struct keeper *keeper, struct job *job)
{
    struct error err = { 0 };
    if (!job->record.has_stdin || (job->stdin_fd >= 0 && job->stdin_copy == NULL))
        return true;
    if (job->record.is_stdin_stream) {
        if (stdin_stream_open(keeper, job, &err) == 0)
            return true;
        try_again(keeper, job, &err);
    } else if (job->stdin_fd < 0 && begin_reading(keeper, job, &err) < 0) {
        try_again(keeper, job, &err);
    }
    return false;
}

static void on_read(struct keeper *keeper, void *arg, int result, const struct error *err)
{
    struct job *job = arg;
    struct error seal_err = { 0 };
    job->stdin_copy = NULL;
    if (result == 0 &&
        (lseek(job->stdin_fd, 0, SEEK_SET) < 0 ||
         fcntl(job->stdin_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)) {
        result = fail(&seal_err, errno, "seal a memory file of standard input");
        err = &seal_err;
    }
    if (result < 0)
        try_again(keeper, job, err);
    turn_schedule(keeper);
}
