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

static void on_stdin_read(struct keeper *keeper, void *arg, int result, const struct error *err);
static void on_files_read(struct keeper *keeper, void *arg, int result, const struct error *err);

/* One of a job's inputs on its way back. */
struct returning {
    bool is_wanted;
    const char *name;
    int *fd;
    struct copy **copy;
    copy_ended *ended;
};

static struct returning returning_of(struct job *job, enum input_kind kind)
{
    if (kind == INPUT_FILES)
        return (struct returning){ job->record.has_files, "files", &job->files_fd, &job->files_copy, on_files_read };
    bool is_whole = job->record.has_stdin && !job->record.is_stdin_stream;
    return (struct returning){ is_whole, "stdin", &job->stdin_fd, &job->stdin_copy, on_stdin_read };
}

void stdin_forget(struct keeper *keeper, struct job *job)
{
    for (int kind = 0; kind < INPUT_COUNT; kind++) {
        struct returning input = returning_of(job, (enum input_kind)kind);
        copy_stop(keeper, *input.copy);
        *input.copy = NULL;
        fd_close(input.fd);
    }
}

static void try_again(struct keeper *keeper, struct job *job, const struct error *err)
{
    log_error("a job of '%s' cannot be launched: %s; it waits again", job->record.command, err->text);
    stdin_forget(keeper, job);
    queue_pause(keeper, AGAIN_MS);
}

static int begin_reading(struct keeper *keeper, struct job *job, enum input_kind kind, struct error *err)
{
    struct returning input = returning_of(job, kind);
    uint64_t size;
    auto_fd int file_fd = -1;
    int done = stdin_file_open(keeper->state_fd, kind, &job->record.id, &file_fd, &size, err);
    if (done < 0)
        return done;
    *input.fd = memfd_create(input.name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*input.fd < 0 || fchmod(*input.fd, 0400) < 0)
        return fail(err, errno, "make a memory file of %s", input.name);
    struct copy_wish wish = { .from_fd = file_fd, .to_fd = *input.fd, .size = size, .ended = input.ended, .arg = job };
    return copy_begin(keeper, &wish, input.copy, err);
}

bool stdin_is_ready(struct keeper *keeper, struct job *job)
{
    struct error err = { 0 };
    bool is_ready = true;
    if (job->record.is_stdin_stream && stdin_stream_open(keeper, job, &err) < 0) {
        try_again(keeper, job, &err);
        return false;
    }
    for (int kind = 0; kind < INPUT_COUNT; kind++) {
        struct returning input = returning_of(job, (enum input_kind)kind);
        if (!input.is_wanted || (*input.fd >= 0 && *input.copy == NULL))
            continue;
        is_ready = false;
        if (*input.fd < 0 && begin_reading(keeper, job, (enum input_kind)kind, &err) < 0) {
            try_again(keeper, job, &err);
            break;
        }
    }
    return is_ready;
}

static void end_reading(struct keeper *keeper, struct job *job, enum input_kind kind, int result,
                        const struct error *err)
{
    struct returning input = returning_of(job, kind);
    struct error seal_err = { 0 };
    *input.copy = NULL;
    if (result == 0 && (lseek(*input.fd, 0, SEEK_SET) < 0 ||
                        fcntl(*input.fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)) {
        result = fail(&seal_err, errno, "seal a memory file of %s", input.name);
        err = &seal_err;
    }
    if (result < 0)
        try_again(keeper, job, err);
    turn_schedule(keeper);
}

static void on_stdin_read(struct keeper *keeper, void *arg, int result, const struct error *err)
{
    end_reading(keeper, arg, INPUT_STDIN, result, err);
}

static void on_files_read(struct keeper *keeper, void *arg, int result, const struct error *err)
{
    end_reading(keeper, arg, INPUT_FILES, result, err);
}
