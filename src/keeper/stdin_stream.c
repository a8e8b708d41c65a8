#include "stdin_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job_life.h"
#include "keeper.h"
#include "launcher_ask.h"
#include "stdin_file.h"
#include "timer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define PIECE_BYTES (256 * 1024)

static void on_writable(evutil_socket_t fd, short what, void *arg); /* the job reads: the next piece */
static void on_idle(evutil_socket_t fd, short what, void *arg);     /* nothing came for `stdin_idle` */

void stdin_stream_free(struct job *job)
{
    struct stdin_stream *stream = job->stream;
    if (stream == NULL)
        return;
    if (stream->writable != NULL)
        event_free(stream->writable);
    if (stream->idle != NULL)
        event_free(stream->idle);
    fd_close(&stream->file_fd);
    fd_close(&stream->pipe_fd);
    free(stream);
    job->stream = NULL;
}

static struct stdin_stream *stream_new(struct keeper *keeper, struct job *job)
{
    struct stdin_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    *stream = (struct stdin_stream){ .keeper = keeper, .job = job, .file_fd = -1, .pipe_fd = -1 };
    stream->idle = evtimer_new(keeper->base, on_idle, stream);
    job->stream = stream;
    if (stream->idle == NULL)
        stdin_stream_free(job);
    return job->stream;
}

int stdin_stream_open(struct keeper *keeper, struct job *job, struct error *err)
{
    if (job->stream != NULL)
        return 0;
    auto_fd int made_fd = -1, file_fd = -1;
    uint64_t bytes;
    int done = 0;
    if (job->record.stdin_bytes == 0) /* otherwise it must be there */
        done = stdin_file_extend(keeper->state_fd, &job->record.id, 0, &made_fd, err);
    if (done == 0)
        done = stdin_file_open(keeper->state_fd, INPUT_STDIN, &job->record.id, &file_fd, &bytes, err);
    if (done < 0)
        return done;
    struct stdin_stream *stream = stream_new(keeper, job);
    if (stream == NULL)
        return fail(err, ENOMEM, "open a stream of input");
    stream->file_fd = fd_take(&file_fd);
    return 0;
}

/* The job reads its end when the launcher's duplicate is gone as well. */
static void close_pipe(struct stdin_stream *stream)
{
    if (stream->writable != NULL)
        event_free(stream->writable);
    stream->writable = NULL;
    event_del(stream->idle);
    fd_close(&stream->pipe_fd);
    stream->is_closed = true;
    ask_stdin_end(stream->keeper, &stream->job->record.id);
}

static void give_up(struct stdin_stream *stream, const char *what, int code)
{
    struct error err = { 0 };
    struct job *job = stream->job;
    fail(&err, code, "%s", what);
    log_error("a job of '%s' cannot be given its input (%s); stopping it", job->record.command, err.text);
    event_del(stream->idle);
    job_stop(stream->keeper, job, JOB_REASON_CANCELLED, "input failure", false, 0);
}

/* Waits for room in the pipe, ends the stream, or does nothing until there is more. */
static void stream_go_on(struct stdin_stream *stream)
{
    const struct job *job = stream->job;
    if (stream->pipe_fd < 0)
        return;
    off_t moved = lseek(stream->file_fd, 0, SEEK_CUR);
    if (moved < 0)
        give_up(stream, "find the place in a stream of input", errno);
    else if ((uint64_t)moved < job->stdin_stored)
        event_add(stream->writable, NULL);
    else if (job->is_stdin_end_stored)
        close_pipe(stream);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct stdin_stream *stream = arg;
    (void)fd;
    (void)what;
    off_t moved = lseek(stream->file_fd, 0, SEEK_CUR);
    uint64_t left =
        moved >= 0 && (uint64_t)moved < stream->job->stdin_stored ? stream->job->stdin_stored - (uint64_t)moved : 0;
    if (left > 0) {
        ssize_t put = splice(stream->file_fd, NULL, stream->pipe_fd, NULL,
                             left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (put < 0 && errno == EPIPE) {
            close_pipe(stream);
            return;
        }
        if (put == 0 || (put < 0 && errno != EAGAIN && errno != EINTR)) {
            give_up(stream, put == 0 ? "the file of a stream of input is too short" : "give input to a job",
                    put == 0 ? EIO : errno);
            return;
        }
    }
    stream_go_on(stream);
}

/* The pipe of a launcher of ours, and the file that we handed over: anything else could make us move what is not meant. */
static int check_handed(struct keeper *keeper, const struct job *job, int file_fd, int pipe_fd, struct error *err)
{
    auto_fd int own_fd = -1;
    uint64_t bytes;
    struct stat own, file, pipe;
    int done = stdin_file_open(keeper->state_fd, INPUT_STDIN, &job->record.id, &own_fd, &bytes, err);
    if (done < 0)
        return done;
    if (fstat(own_fd, &own) < 0 || fstat(file_fd, &file) < 0 || fstat(pipe_fd, &pipe) < 0)
        return fail(err, errno, "look at a stream of input");
    int file_flags = fcntl(file_fd, F_GETFL), pipe_flags = fcntl(pipe_fd, F_GETFL);
    if (own.st_dev != file.st_dev || own.st_ino != file.st_ino || !S_ISFIFO(pipe.st_mode) ||
        (file_flags & (O_ACCMODE | O_PATH)) != O_RDONLY || (pipe_flags & (O_ACCMODE | O_PATH)) != O_WRONLY)
        return fail_plain(err, EPROTO, "descriptors that are no stream of this job's input");
    return 0;
}

static void start_idle(struct stdin_stream *stream)
{
    const struct policy *policy = stream->keeper->rules.policy;
    int index = policy_find_command(policy, stream->job->record.command);
    if (stream->pipe_fd >= 0 && index >= 0 && policy->commands[index].stdin_idle_ms != 0)
        timer_start(stream->idle, policy->commands[index].stdin_idle_ms);
}

int stdin_stream_attach(struct keeper *keeper, struct job *job, int *file_fd, int *pipe_fd, struct error *err)
{
    if (job->stream != NULL && (job->stream->is_closed || job->stream->pipe_fd >= 0))
        return 0; /* our own ends are as good as the fresh ones, which the message closes */
    int done = check_handed(keeper, job, *file_fd, *pipe_fd, err);
    if (done < 0)
        return done;
    struct stdin_stream *stream = job->stream != NULL ? job->stream : stream_new(keeper, job);
    if (stream != NULL && stream->writable == NULL)
        stream->writable = event_new(keeper->base, *pipe_fd, EV_WRITE, on_writable, stream);
    if (stream == NULL || stream->writable == NULL)
        return fail(err, ENOMEM, "follow a stream of input");
    fd_close(&stream->file_fd);
    stream->file_fd = fd_take(file_fd); /* the position that counts is this one's */
    stream->pipe_fd = fd_take(pipe_fd);
    start_idle(stream);
    stream_go_on(stream);
    return 0;
}

void stdin_stream_stored(struct keeper *keeper, struct job *job)
{
    (void)keeper;
    job->stdin_stored = job->record.stdin_bytes;
    job->is_stdin_end_stored = job->record.has_stdin_ended;
    if (job->stream != NULL)
        stream_go_on(job->stream);
}

void stdin_stream_tell_again(struct job *job)
{
    if (job->stream != NULL && job->stream->is_closed)
        ask_stdin_end(job->stream->keeper, &job->record.id);
}

void stdin_stream_touch(struct job *job)
{
    if (job->stream != NULL && !job->record.has_stdin_ended)
        start_idle(job->stream);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    struct stdin_stream *stream = arg;
    struct job *job = stream->job;
    (void)fd;
    (void)what;
    if (job->has_chunk || job->record.has_stdin_ended)
        return; /* that chunk starts the wait anew */
    log_info("a job of '%s' was given no input for stdin_idle; its input ends", job->record.command);
    job->record.has_stdin_ended = true;
    job->record.version++;
    turn_job_changed(stream->keeper, job);
}
