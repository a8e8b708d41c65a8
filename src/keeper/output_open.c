/* How an output begins: its files, where they end, and the pipes that fill them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifacts.h"
#include "keeper.h"
#include "output.h"
#include "output_files.h"
#include "output_sync.h"
#include "timer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/log.h"

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

/* A job that ran before us has files, and what it wrote is in them, but for one record that may wait for its bytes. */
static void look_for_losses(const struct output *output, bool had_files)
{
    char id[JOB_ID_TEXT_BYTES];
    struct stat index;
    const struct job_record *record = &output->job->record;
    if (record->state != JOB_RUNNING && record->state != JOB_STOPPING)
        return;
    if (!had_files)
        log_error("job=%s: the files of its output are gone; what it writes from here on is kept",
                  job_id_text(&record->id, id));
    else if (fstat(output->index_fd, &index) == 0 &&
             (uint64_t)index.st_size / OUTPUT_RECORD_BYTES > (uint64_t)output->records + 1)
        log_error("job=%s: its log ends at byte %llu, before its index does; what lay behind that is gone",
                  job_id_text(&record->id, id), (unsigned long long)output->bytes);
}

static int open_files(struct output *output, struct error *err)
{
    const struct job_id *id = &output->job->record.id;
    int state_fd = output->keeper->state_fd;
    bool had_files = output_files_are_there(state_fd, id);
    int done = output_files_open(state_fd, id, &output->log_fd, &output->index_fd, err);
    if (done == 0)
        done = find_end(output, err);
    if (done == 0)
        look_for_losses(output, had_files);
    if (done == 0 && had_files && artifact_files_are_there(state_fd, id))
        done = output_attach_artifacts(output, -1, ARTIFACTS_MAX_BYTES, err); /* of a keeper before us */
    return done;
}

static int output_prepare(struct output *output, struct error *err)
{
    struct event_base *base = output->keeper->base;
    for (int i = 0; i < 2; i++)
        output->pipes[i] =
            (struct output_pipe){ .output = output, .fd = -1, .stream = i == 0 ? OUTPUT_STDOUT : OUTPUT_STDERR };
    output->hash = hash_new();
    output->hash_on = evtimer_new(base, output_on_hash, output);
    output->deadline = evtimer_new(base, output_on_deadline, output);
    output->disk_again = evtimer_new(base, output_on_disk_again, output);
    if (output->hash == NULL || output->hash_on == NULL || output->deadline == NULL || output->disk_again == NULL)
        return fail(err, ENOMEM, "open output");
    return open_files(output, err);
}

uint64_t output_stored_bytes(const struct output *output)
{
    return output->bytes + (uint64_t)output->records * OUTPUT_RECORD_BYTES;
}

int output_open(struct keeper *keeper, struct job *job, struct output **ret_output, struct error *err)
{
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return fail(err, ENOMEM, "open output");
    *output = (struct output){ .keeper = keeper,
                               .job = job,
                               .log_fd = -1,
                               .index_fd = -1,
                               .bytes_max = job->record.output_max_bytes,
                               .kills_when_full = job->record.output_when_full == OUTPUT_KILL };
    int done = output_prepare(output, err);
    if (done < 0) {
        output_free(output);
        return done;
    }
    keeper->sweep.live_bytes += output_stored_bytes(output);
    output->is_counted = true;
    if (output->bytes > 0)
        timer_start(output->hash_on, 0); /* what was there before we were is hashed beside the work */
    *ret_output = output;
    return 0;
}

void output_pipe_close(struct output_pipe *pipe)
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
        output_pipe_close(&output->pipes[i]);
    struct event *events[] = { output->hash_on, output->deadline, output->disk_again };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    output_sync_stop(output);
    if (output->is_counted)
        output->keeper->sweep.live_bytes -= output_stored_bytes(output);
    artifacts_free(output->artifacts);
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
        fcntl(pipe->fd, F_SETPIPE_SZ, OUTPUT_PIPE_BYTES);
        pipe->readable = event_new(output->keeper->base, pipe->fd, EV_READ | EV_PERSIST, output_on_pipe_readable, pipe);
        if (pipe->readable == NULL || event_add(pipe->readable, NULL) < 0) {
            for (int j = i; j < 2; j++)
                fd_close(&fds[j]);
            pipe->fd = -1;
            output_pipe_close(pipe);
            return fail(err, ENOMEM, "follow a job's output");
        }
    }
    return 0;
}

int output_attach_artifacts(struct output *output, int pipe_fd, uint64_t bytes_max, struct error *err)
{
    if (output->artifacts != NULL) { /* what an earlier keeper took is read again, with the rest behind it */
        artifacts_free(output->artifacts);
        output->artifacts = NULL;
    }
    return artifacts_open(output, pipe_fd, bytes_max, &output->artifacts, err);
}
