/*
 * One splice at a time: the record of the index first, then the bytes. A record whose bytes did not come is at the very
 * end of the index, means nothing, and is overwritten by the next one. So a kill -9 at any moment leaves bytes that are
 * exactly what was taken from the pipes, and an index that says where each piece begins.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "artifacts.h"
#include "job_life.h"
#include "keeper.h"
#include "output_sync.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define HASH_STEP_BYTES  (1024 * 1024)
#define HASH_PIECE_BYTES (64 * 1024)
#define DISK_AGAIN_MS    1000
#define TAKES_OF_A_PIPE  (OUTPUT_PIPE_BYTES / 4096) /* a disk that is all but full takes little at a time */

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

/* The end is reached when both pipes are, the hash has caught up, the artefacts are whole, and the disk has it. The output may be freed by this. */
static void check_end(struct output *output)
{
    if (!output->is_ending || output->pipes[0].fd >= 0 || output->pipes[1].fd >= 0 || output->hashed < output->bytes)
        return;
    if (output->artifacts != NULL && !artifacts_are_whole(output->artifacts))
        return;
    if (!output_sync(output))
        return;
    output->is_ending = false;
    event_del(output->deadline);
    job_output_done(output->keeper, output->job);
}

void output_synced(struct output *output)
{
    check_end(output);
}

void output_artifacts_whole(struct output *output)
{
    check_end(output);
}

void output_on_hash(evutil_socket_t fd, short what, void *arg)
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
    if (output->artifacts != NULL && !artifacts_are_whole(output->artifacts))
        artifacts_end(output->artifacts); /* which may call us */
    else
        check_end(output);
}

enum pipe_news pipe_look(int fd)
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

void output_on_disk_again(evutil_socket_t fd, short what, void *arg)
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
    output->keeper->sweep.live_bytes += (uint64_t)moved + OUTPUT_RECORD_BYTES;
    output->keeper->metrics.output_bytes += (uint64_t)moved;
    output_push(output);
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
        output_pipe_close(pipe);
        check_end(output);
        return;
    }
    uint64_t room = output->is_truncated ? 0 : room_left(output);
    if (room > 0)
        keep_bytes(pipe, room);
    else
        drop_bytes(pipe);
}

void output_on_pipe_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    output_take(arg);
}

/* What a full pipe can hold is taken; whoever still writes into it is no process of the job. */
static void take_the_rest(struct output_pipe *pipe)
{
    const struct output *output = pipe->output;
    for (int i = 0; i < TAKES_OF_A_PIPE && pipe->fd >= 0 && pipe_look(pipe->fd) != PIPE_NOTHING && !output->is_stuck;
         i++)
        output_take(pipe);
    if (output->is_stuck)
        return;
    if (pipe->fd >= 0)
        log_warn("a pipe of an ended job of '%s' is still held open; what comes later is not kept",
                 pipe->output->job->record.command);
    output_pipe_close(pipe);
}

void output_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct output *output = arg;
    (void)fd;
    (void)what;
    for (int i = 0; i < 2; i++)
        take_the_rest(&output->pipes[i]);
    if (output->is_stuck) /* no room on the disk: what the job has written is not thrown away for that */
        timer_start(output->deadline, OUTPUT_DRAIN_MS);
    else
        check_end(output);
}
