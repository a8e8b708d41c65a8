/*
 * One splice at a time: the record of the index first, then the bytes. A record whose bytes did not come is at the very
 * end of the index, means nothing, and is overwritten by the next one. So a kill -9 at any moment leaves bytes that are
 * exactly what was taken from the pipes, and an index that says where each piece begins.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "keeper.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define PIPE_BYTES       (256 * 1024) /* 64 jobs stay below what one user's pipes may hold (pipe(7), pipe-user-pages-soft) */
#define HASH_STEP_BYTES  (1024 * 1024)
#define HASH_PIECE_BYTES (64 * 1024)
#define DISK_AGAIN_MS    1000

static void on_pipe_readable(evutil_socket_t fd, short what, void *arg); /* bytes move to the log, */
static void on_hash(evutil_socket_t fd, short what, void *arg);          /* the hash follows when it is behind, */
static void on_disk_again(evutil_socket_t fd, short what, void *arg);    /* a full disk is tried again, */
static void on_deadline(evutil_socket_t fd, short what, void *arg);      /* and the last drain ends in time */

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool read_index(int index_fd, uint32_t number, struct output_record *ret_record)
{
    uint8_t bytes[OUTPUT_RECORD_BYTES];
    if (pread(index_fd, bytes, sizeof bytes, (off_t)number * OUTPUT_RECORD_BYTES) != (ssize_t)sizeof bytes)
        return false;
    output_record_unpack(bytes, ret_record);
    return true;
}

int output_measure(int log_fd, int index_fd, uint64_t *ret_bytes, uint32_t *ret_records, struct error *err)
{
    struct stat log, index;
    if (fstat(log_fd, &log) < 0 || fstat(index_fd, &index) < 0)
        return fail(err, errno, "stat output");
    uint64_t bytes = (uint64_t)log.st_size;
    uint32_t records = (uint32_t)(index.st_size / OUTPUT_RECORD_BYTES);
    for (; records > 0; records--) {
        struct output_record last;
        if (!read_index(index_fd, records - 1, &last))
            return fail(err, EIO, "read the index of an output");
        if (last.offset < bytes)
            break;
    }
    if (records == 0 && bytes > 0)
        return fail_plain(err, EBADMSG, "an output has bytes and no index");
    *ret_bytes = bytes;
    *ret_records = records;
    return 0;
}

/* Where the log ends, from the two files alone. */
static int find_end(struct output *output, struct error *err)
{
    struct output_record last;
    int done = output_measure(output->log_fd, output->index_fd, &output->bytes, &output->records, err);
    if (done < 0 || output->records == 0)
        return done;
    if (!read_index(output->index_fd, output->records - 1, &last) ||
        (last.stream != OUTPUT_STDOUT && last.stream != OUTPUT_STDERR))
        return fail_plain(err, EBADMSG, "the index of an output is damaged");
    uint64_t own = last.stream_offset + (output->bytes - last.offset);
    if (own > output->bytes)
        return fail_plain(err, EBADMSG, "the index of an output is damaged");
    output->stream_bytes[last.stream] = own;
    output->stream_bytes[last.stream == OUTPUT_STDOUT ? OUTPUT_STDERR : OUTPUT_STDOUT] = output->bytes - own;
    return 0;
}

static int output_prepare(struct output *output, struct error *err)
{
    struct event_base *base = output->keeper->base;
    for (int i = 0; i < 2; i++)
        output->pipes[i] =
            (struct output_pipe){ .output = output, .fd = -1, .stream = i == 0 ? OUTPUT_STDOUT : OUTPUT_STDERR };
    output->hash = hash_new();
    output->hash_on = evtimer_new(base, on_hash, output);
    output->deadline = evtimer_new(base, on_deadline, output);
    output->disk_again = evtimer_new(base, on_disk_again, output);
    if (output->hash == NULL || output->hash_on == NULL || output->deadline == NULL || output->disk_again == NULL)
        return fail(err, ENOMEM, "open output");
    int done =
        files_open_output(output->keeper->state_fd, &output->job->record.id, &output->log_fd, &output->index_fd, err);
    return done < 0 ? done : find_end(output, err);
}

int output_open(struct keeper *keeper, struct job *job, uint64_t bytes_max, bool kills_when_full,
                struct output **ret_output, struct error *err)
{
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return fail(err, ENOMEM, "open output");
    *output = (struct output){ .keeper = keeper,
                               .job = job,
                               .log_fd = -1,
                               .index_fd = -1,
                               .bytes_max = bytes_max,
                               .kills_when_full = kills_when_full };
    int done = output_prepare(output, err);
    if (done < 0) {
        output_free(output);
        return done;
    }
    if (output->bytes > 0)
        timer_start(output->hash_on, 0); /* what was there before we were is hashed beside the work */
    *ret_output = output;
    return 0;
}

static void pipe_close(struct output_pipe *pipe)
{
    if (pipe->readable != NULL)
        event_free(pipe->readable);
    pipe->readable = NULL;
    fd_close(&pipe->fd);
}

void output_free(struct output *output)
{
    if (output == NULL)
        return;
    for (int i = 0; i < 2; i++)
        pipe_close(&output->pipes[i]);
    struct event *events[] = { output->hash_on, output->deadline, output->disk_again };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    hash_free(output->hash);
    fd_close(&output->log_fd);
    fd_close(&output->index_fd);
    free(output);
}

int output_attach(struct output *output, int stdout_fd, int stderr_fd, struct error *err)
{
    int fds[] = { stdout_fd, stderr_fd };
    output->is_attached = true;
    for (int i = 0; i < 2; i++) {
        struct output_pipe *pipe = &output->pipes[i];
        pipe->fd = fds[i];
        /* Larger pipes mean fewer turns for a loud job; where the kernel says no, the small ones do. */
        fcntl(pipe->fd, F_SETPIPE_SZ, PIPE_BYTES);
        pipe->readable = event_new(output->keeper->base, pipe->fd, EV_READ | EV_PERSIST, on_pipe_readable, pipe);
        if (pipe->readable == NULL || event_add(pipe->readable, NULL) < 0) {
            for (int j = i; j < 2; j++)
                fd_close(&fds[j]);
            pipe->fd = -1;
            pipe_close(pipe);
            return fail(err, ENOMEM, "follow a job's output");
        }
    }
    return 0;
}

/* --- hashing ------------------------------------------------------------------------------------------------------ */

/* Hashes the next piece of the log; what was just stored is still in the page cache. False when nothing was left. */
bool output_hash_step(struct output *output)
{
    uint8_t piece[HASH_PIECE_BYTES];
    uint64_t end = output->hashed + HASH_STEP_BYTES;
    if (end > output->bytes)
        end = output->bytes;
    while (output->hashed < end) {
        size_t size = end - output->hashed < sizeof piece ? (size_t)(end - output->hashed) : sizeof piece;
        ssize_t got = pread(output->log_fd, piece, size, (off_t)output->hashed);
        if (got <= 0) {
            log_error("the log of a job of '%s' cannot be read back; its hash will be missing",
                      output->job->record.command);
            output->hashed = UINT64_MAX;
            return false;
        }
        hash_update(output->hash, piece, (size_t)got);
        output->hashed += (uint64_t)got;
    }
    return output->hashed < output->bytes;
}

void output_sha256(struct output *output, char *ret_text)
{
    uint8_t digest[HASH_BYTES];
    ret_text[0] = '\0';
    if (output->hashed != output->bytes)
        return;
    hash_result(output->hash, digest);
    text_hex(digest, sizeof digest, ret_text);
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

/* The end is reached when both pipes are, and the hash has caught up. The output may be freed by this. */
static void check_end(struct output *output)
{
    if (!output->is_ending || output->pipes[0].fd >= 0 || output->pipes[1].fd >= 0 || output->hashed < output->bytes)
        return;
    output->is_ending = false;
    event_del(output->deadline);
    job_output_done(output->keeper, output->job);
}

static void on_hash(evutil_socket_t fd, short what, void *arg)
{
    struct output *output = arg;
    (void)fd;
    (void)what;
    if (output_hash_step(output))
        timer_start(output->hash_on, 0);
    else
        check_end(output);
}

void output_end(struct output *output)
{
    output->is_ending = true;
    timer_start(output->deadline, OUTPUT_DRAIN_MS);
    check_end(output);
}

/* --- moving bytes ------------------------------------------------------------------------------------------------- */

/* The descriptor is readable: are there bytes, is it the end, or neither? */
enum pipe_news { PIPE_NOTHING, PIPE_BYTES_THERE, PIPE_END };

static enum pipe_news pipe_look(int fd)
{
    int waiting = 0;
    struct pollfd look = { .fd = fd, .events = POLLIN };
    if (poll(&look, 1, 0) < 0)
        return PIPE_NOTHING;
    /* Asked after the hang-up was seen, so that nothing can be written between the two answers. */
    if (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
        return PIPE_BYTES_THERE;
    return (look.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ? PIPE_END : PIPE_NOTHING;
}

static uint64_t room_left(const struct output *output)
{
    uint64_t index_bytes = (uint64_t)output->records * OUTPUT_RECORD_BYTES;
    if (output->bytes >= output->bytes_max || index_bytes >= output->bytes_max + OUTPUT_INDEX_SPARE ||
        output->records == UINT32_MAX)
        return 0;
    return output->bytes_max - output->bytes;
}

static void drop_bytes(struct output_pipe *pipe)
{
    struct output *output = pipe->output;
    if (!output->is_truncated) {
        output->is_truncated = true;
        if (output->kills_when_full && !output->is_ending) {
            output->job->is_over_limit = true;
            job_stop(output->keeper, output->job, JOB_REASON_OUTPUT_LIMIT, "output_limit", false, 0);
        }
    }
    /* Taken all the same: a job that is blocked on a full pipe could not end in its own way. */
    if (splice(pipe->fd, NULL, output->keeper->null_fd, NULL, OUTPUT_SPLICE_BYTES, SPLICE_F_NONBLOCK) < 0 &&
        errno != EAGAIN && errno != EINTR)
        log_warn("output beyond the limit cannot be dropped: errno %d; the job waits", errno);
}

static void wait_for_disk(struct output *output, const char *what, int code)
{
    struct error err = { 0 };
    fail(&err, code, "%s", what);
    log_error("output of a job of '%s' cannot be stored (%s); the job waits until it can", output->job->record.command,
              err.text);
    output->is_stuck = true;
    for (int i = 0; i < 2; i++)
        if (output->pipes[i].readable != NULL)
            event_del(output->pipes[i].readable);
    timer_start(output->disk_again, DISK_AGAIN_MS);
}

static void on_disk_again(evutil_socket_t fd, short what, void *arg)
{
    struct output *output = arg;
    (void)fd;
    (void)what;
    output->is_stuck = false;
    for (int i = 0; i < 2; i++)
        if (output->pipes[i].readable != NULL)
            event_add(output->pipes[i].readable, NULL);
}

/* Moves up to `room` bytes. Nothing is known of them in memory before they are stored. */
static void keep_bytes(struct output_pipe *pipe, uint64_t room)
{
    struct output *output = pipe->output;
    struct output_record record = { .offset = output->bytes,
                                    .stream_offset = output->stream_bytes[pipe->stream],
                                    .unix_us = clock_unix_us(),
                                    .stream = pipe->stream };
    uint8_t packed[OUTPUT_RECORD_BYTES];
    output_record_pack(&record, packed);
    ssize_t written = pwrite(output->index_fd, packed, sizeof packed, (off_t)output->records * OUTPUT_RECORD_BYTES);
    if (written != (ssize_t)sizeof packed) {
        wait_for_disk(output, "write the index", written < 0 ? errno : ENOSPC);
        return;
    }
    loff_t at = (loff_t)output->bytes;
    size_t most = room < OUTPUT_SPLICE_BYTES ? (size_t)room : OUTPUT_SPLICE_BYTES;
    ssize_t moved = splice(pipe->fd, NULL, output->log_fd, &at, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (moved < 0 && errno != EAGAIN && errno != EINTR)
        wait_for_disk(output, "write the log", errno);
    if (moved <= 0)
        return;
    output->records++;
    output->bytes += (uint64_t)moved;
    output->stream_bytes[pipe->stream] += (uint64_t)moved;
    if (output_hash_step(output))
        timer_start(output->hash_on, 0);
    watch_news(output->keeper, output->job, true);
}

void output_take(struct output_pipe *pipe)
{
    struct output *output = pipe->output;
    enum pipe_news news = pipe_look(pipe->fd);
    if (news == PIPE_NOTHING)
        return;
    if (news == PIPE_END) {
        pipe_close(pipe);
        check_end(output);
        return;
    }
    uint64_t room = output->is_truncated ? 0 : room_left(output);
    if (room > 0)
        keep_bytes(pipe, room);
    else
        drop_bytes(pipe);
}

static void on_pipe_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    output_take(arg);
}

/* What a full pipe can hold is taken; whoever still writes into it is no process of the job. */
static void take_the_rest(struct output_pipe *pipe)
{
    for (int i = 0; i <= PIPE_BYTES / OUTPUT_SPLICE_BYTES && pipe->fd >= 0; i++)
        output_take(pipe);
    if (pipe->fd >= 0)
        log_warn("a pipe of an ended job of '%s' is still held open; what comes later is not kept",
                 pipe->output->job->record.command);
    pipe_close(pipe);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct output *output = arg;
    (void)fd;
    (void)what;
    if (output->is_stuck) { /* no room on the disk: what the job has written is not thrown away for that */
        timer_start(output->deadline, OUTPUT_DRAIN_MS);
        return;
    }
    for (int i = 0; i < 2; i++)
        take_the_rest(&output->pipes[i]);
    check_end(output);
}
