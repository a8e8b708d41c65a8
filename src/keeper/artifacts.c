/*
 * In the order in which it happens:
 *
 *   artifacts_open      the file, and where it ends: all of it was taken from the pipe
 *   on_pipe_readable    bytes move to the file,
 *   on_scan             what is there is read and hashed, a bounded piece at a time
 *   artifacts_end       the job is gone, and its collector has so long
 *   finish              pipe and file are at their end: the index is written, and the output may end, too
 */
#include "artifacts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper.h"
#include "output.h"
#include "output_files.h"
#include "output_sync.h"
#include "timer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/log.h"
#include "sallyport/proto/artifact_index.h"

#define SCAN_STEP_BYTES  (1024 * 1024)
#define SCAN_PIECE_BYTES (64 * 1024)
#define DISK_AGAIN_MS    1000

static void on_pipe_readable(evutil_socket_t fd, short what, void *arg);
static void on_scan(evutil_socket_t fd, short what, void *arg);
static void on_disk_again(evutil_socket_t fd, short what, void *arg);
static void on_deadline(evutil_socket_t fd, short what, void *arg);

/* --- the beginning --- */

static int follow_pipe(struct artifacts *artifacts, struct error *err)
{
    if (artifacts->pipe_fd < 0)
        return 0;
    artifacts->readable = event_new(artifacts->output->keeper->base, artifacts->pipe_fd, EV_READ | EV_PERSIST,
                                    on_pipe_readable, artifacts);
    if (artifacts->readable == NULL || event_add(artifacts->readable, NULL) < 0)
        return fail(err, ENOMEM, "follow the collector of a job");
    return 0;
}

static int prepare(struct artifacts *artifacts, struct error *err)
{
    const struct output *output = artifacts->output;
    struct event_base *base = output->keeper->base;
    struct stat st;
    artifacts->scan_on = evtimer_new(base, on_scan, artifacts);
    artifacts->deadline = evtimer_new(base, on_deadline, artifacts);
    artifacts->disk_again = evtimer_new(base, on_disk_again, artifacts);
    if (artifacts->scan_on == NULL || artifacts->deadline == NULL || artifacts->disk_again == NULL)
        return fail(err, ENOMEM, "keep artefacts");
    int done = artifact_files_open(output->keeper->state_fd, &output->job->record.id, &artifacts->fd,
                                   &artifacts->index_fd, err);
    if (done < 0)
        return done;
    if (fstat(artifacts->fd, &st) < 0)
        return fail(err, errno, "stat artefacts");
    artifacts->bytes = (uint64_t)st.st_size;
    return follow_pipe(artifacts, err);
}

int artifacts_open(struct output *output, int pipe_fd, uint64_t bytes_max, struct artifacts **ret_artifacts,
                   struct error *err)
{
    struct artifacts *artifacts = calloc(1, sizeof *artifacts);
    if (artifacts == NULL) {
        fd_close(&pipe_fd);
        return fail(err, ENOMEM, "keep artefacts");
    }
    artifacts->output = output;
    artifacts->pipe_fd = pipe_fd;
    artifacts->fd = artifacts->index_fd = -1;
    if (bytes_max > ARTIFACTS_MAX_BYTES)
        bytes_max = ARTIFACTS_MAX_BYTES;
    artifacts->bytes_max = bytes_max + ARTIFACT_FRAMES_MAX_BYTES;
    int done = prepare(artifacts, err);
    if (done < 0) {
        artifacts_free(artifacts);
        return done;
    }
    output->keeper->sweep.live_bytes += artifacts->bytes;
    artifacts->is_counted = true;
    if (artifacts->bytes > 0)
        timer_start(artifacts->scan_on, 0);
    *ret_artifacts = artifacts;
    return 0;
}

static void close_pipe(struct artifacts *artifacts)
{
    if (artifacts->readable != NULL)
        event_free(artifacts->readable);
    artifacts->readable = NULL;
    fd_close(&artifacts->pipe_fd);
}

void artifacts_free(struct artifacts *artifacts)
{
    if (artifacts == NULL)
        return;
    close_pipe(artifacts);
    if (artifacts->is_counted)
        artifacts->output->keeper->sweep.live_bytes -= artifacts_stored_bytes(artifacts);
    struct event *events[] = { artifacts->scan_on, artifacts->deadline, artifacts->disk_again };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    hash_free(artifacts->hash);
    record_file_done(&artifacts->index);
    fd_close(&artifacts->fd);
    fd_close(&artifacts->index_fd);
    free(artifacts);
}

uint64_t artifacts_stored_bytes(const struct artifacts *artifacts)
{
    if (artifacts == NULL)
        return 0;
    return artifacts->bytes + (artifacts->is_whole ? artifacts->index.size : 0);
}

bool artifacts_are_whole(const struct artifacts *artifacts)
{
    return artifacts->is_whole;
}

/* --- the end --- */

static enum artifact_outcome outcome_of(const struct artifacts *artifacts)
{
    if (artifacts->outcome == ARTIFACT_LOST)
        return ARTIFACT_LOST;
    if (artifacts->scan.is_broken || artifacts->is_too_long)
        return ARTIFACT_BROKEN;
    return artifacts->scan.has_ended ? (enum artifact_outcome)artifacts->outcome : ARTIFACT_CUT;
}

/* The head, and the entries behind it. A record of the end is written only when it is there, so half an index is none. */
static int write_index(struct artifacts *artifacts, struct error *err)
{
    struct artifact_index_head head = { .outcome = (uint8_t)outcome_of(artifacts), .unlisted = artifacts->unlisted };
    struct record_file file = { 0 };
    int done =
        record_file_add(&file, artifact_index_defs, ARTIFACT_INDEX_RECORD_COUNT, ARTIFACT_INDEX_HEAD, &head, err);
    if (done == 0 && ftruncate(artifacts->index_fd, 0) < 0)
        done = fail(err, errno, "begin the index of artefacts");
    const struct record_file parts[] = { file, artifacts->index };
    off_t at = 0;
    for (size_t i = 0; done == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].size > 0 &&
            pwrite(artifacts->index_fd, parts[i].data, parts[i].size, at) != (ssize_t)parts[i].size)
            done = fail(err, errno > 0 ? errno : ENOSPC, "write the index of artefacts");
        at += (off_t)parts[i].size;
    }
    if (done == 0)
        artifacts->index.size += file.size; /* of which only the number is used from here on */
    record_file_done(&file);
    return done;
}

static void wait_for_disk(struct artifacts *artifacts, const struct error *err)
{
    log_error("artefacts of a job of '%s' cannot be stored (%s); its end waits until they can",
              artifacts->output->job->record.command, err->text);
    artifacts->is_stuck = true;
    if (artifacts->readable != NULL)
        event_del(artifacts->readable);
    timer_start(artifacts->disk_again, DISK_AGAIN_MS);
}

/* The output may be freed by this. */
static void finish(struct artifacts *artifacts)
{
    struct error err = { 0 };
    bool is_read =
        artifacts->scan.is_broken || artifacts->scan.at >= artifacts->bytes || artifacts->outcome == ARTIFACT_LOST;
    if (artifacts->is_whole || artifacts->pipe_fd >= 0 || !artifacts->is_ending || !is_read || artifacts->is_stuck)
        return;
    if (write_index(artifacts, &err) < 0) {
        wait_for_disk(artifacts, &err);
        return;
    }
    artifacts->is_whole = true;
    artifacts->output->keeper->sweep.live_bytes += artifacts->index.size;
    event_del(artifacts->deadline);
    output_artifacts_whole(artifacts->output);
}

void artifacts_end(struct artifacts *artifacts)
{
    artifacts->is_ending = true;
    timer_start(artifacts->deadline, ARTIFACTS_DRAIN_MS);
    finish(artifacts);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct artifacts *artifacts = arg;
    (void)fd;
    (void)what;
    if (artifacts->is_stuck) { /* no room on the disk: what was collected is not thrown away for that */
        timer_start(artifacts->deadline, ARTIFACTS_DRAIN_MS);
        return;
    }
    log_warn("the collector of a job of '%s' holds its pipe open; what comes later is not kept",
             artifacts->output->job->record.command);
    close_pipe(artifacts);
    finish(artifacts);
}

/* --- what the stream says --- */

static void add_entry(struct artifacts *artifacts, const struct artifact_index_entry *entry)
{
    struct error err = { 0 };
    if (record_file_add(&artifacts->index, artifact_index_defs, ARTIFACT_INDEX_RECORD_COUNT, ARTIFACT_INDEX_ENTRY,
                        entry, &err) == 0)
        return;
    log_error("artefacts of a job of '%s' cannot be listed (%s)", artifacts->output->job->record.command, err.text);
    artifacts->outcome = ARTIFACT_LOST;
}

static void begin_file(struct artifacts *artifacts, const struct artifact_event *event)
{
    hash_free(artifacts->hash);
    artifacts->hash = hash_new();
    if (artifacts->hash == NULL)
        artifacts->outcome = ARTIFACT_LOST;
    memcpy(artifacts->name, event->file.name.data, event->file.name.size);
    artifacts->name[event->file.name.size] = '\0';
    artifacts->file_offset = event->at;
    artifacts->file_bytes = event->file.bytes;
}

static void end_file(struct artifacts *artifacts)
{
    uint8_t digest[HASH_BYTES];
    hash_result(artifacts->hash, digest);
    add_entry(artifacts, &(struct artifact_index_entry){
                             .name = { (const uint8_t *)artifacts->name, (uint32_t)strlen(artifacts->name) },
                             .offset = artifacts->file_offset,
                             .bytes = artifacts->file_bytes,
                             .sha256 = { digest, sizeof digest } });
}

static void add_rejected(struct artifacts *artifacts, const struct artifact_rejected *rejected)
{
    char shown[ARTIFACT_SHOWN_MAX_BYTES + 1];
    artifact_name_show(rejected->name.data, rejected->name.size, shown, sizeof shown);
    add_entry(artifacts, &(struct artifact_index_entry){ .name = { (const uint8_t *)shown, (uint32_t)strlen(shown) },
                                                         .why = rejected->why });
}

/* False when there is nothing to go on with. */
static bool take_news(struct artifacts *artifacts, enum artifact_news news, const struct artifact_event *event)
{
    switch (news) {
    case ARTIFACT_NEWS_FILE:
        begin_file(artifacts, event);
        break;
    case ARTIFACT_NEWS_BYTES:
        hash_update(artifacts->hash, event->bytes.data, event->bytes.size);
        break;
    case ARTIFACT_NEWS_FILE_END:
        end_file(artifacts);
        break;
    case ARTIFACT_NEWS_REJECTED:
        add_rejected(artifacts, &event->rejected);
        break;
    case ARTIFACT_NEWS_END:
        artifacts->outcome = event->end.outcome;
        artifacts->unlisted = event->end.unlisted;
        break;
    case ARTIFACT_NEWS_BROKEN:
        log_error("the collector of a job of '%s' broke its stream at byte %llu; what is whole before that is kept",
                  artifacts->output->job->record.command, (unsigned long long)artifacts->scan.at);
        return false;
    case ARTIFACT_NEWS_NONE:
        return false;
    }
    return artifacts->outcome != ARTIFACT_LOST;
}

static bool scan_piece(struct artifacts *artifacts)
{
    uint8_t piece[SCAN_PIECE_BYTES];
    uint64_t left = artifacts->bytes - artifacts->scan.at;
    ssize_t got =
        pread(artifacts->fd, piece, left < sizeof piece ? (size_t)left : sizeof piece, (off_t)artifacts->scan.at);
    if (got <= 0) {
        log_error("artefacts of a job of '%s' cannot be read back", artifacts->output->job->record.command);
        artifacts->outcome = ARTIFACT_LOST;
        return false;
    }
    struct reader in = { piece, (size_t)got };
    struct artifact_event event;
    for (enum artifact_news news; (news = artifact_scan_next(&artifacts->scan, &in, &event)) != ARTIFACT_NEWS_NONE;)
        if (!take_news(artifacts, news, &event))
            return false;
    return true;
}

/* False when nothing is left of what there is now. */
bool artifacts_scan_step(struct artifacts *artifacts)
{
    uint64_t until = artifacts->scan.at + SCAN_STEP_BYTES;
    if (artifacts->scan.is_broken || artifacts->outcome == ARTIFACT_LOST)
        return false;
    while (artifacts->scan.at < artifacts->bytes && artifacts->scan.at < until)
        if (!scan_piece(artifacts))
            return false;
    return artifacts->scan.at < artifacts->bytes;
}

static void on_scan(evutil_socket_t fd, short what, void *arg)
{
    struct artifacts *artifacts = arg;
    (void)fd;
    (void)what;
    if (artifacts_scan_step(artifacts))
        timer_start(artifacts->scan_on, 0);
    else
        finish(artifacts);
}

/* --- the pipe --- */

/* What nobody can make use of is taken all the same: the collector would stand there until its time is over. */
static void drop_bytes(const struct artifacts *artifacts)
{
    if (splice(artifacts->pipe_fd, NULL, artifacts->output->keeper->null_fd, NULL, OUTPUT_SPLICE_BYTES,
               SPLICE_F_NONBLOCK) < 0 &&
        errno != EAGAIN && errno != EINTR)
        log_warn("what a collector said too much cannot be dropped: errno %d", errno);
}

static void keep_bytes(struct artifacts *artifacts)
{
    struct keeper *keeper = artifacts->output->keeper;
    struct error err = { 0 };
    loff_t at = (loff_t)artifacts->bytes;
    uint64_t room = artifacts->bytes_max - artifacts->bytes;
    ssize_t moved =
        splice(artifacts->pipe_fd, NULL, artifacts->fd, &at,
               room < OUTPUT_SPLICE_BYTES ? (size_t)room : OUTPUT_SPLICE_BYTES, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (moved < 0 && errno != EAGAIN && errno != EINTR) {
        fail(&err, errno, "write");
        wait_for_disk(artifacts, &err);
    }
    if (moved <= 0)
        return;
    artifacts->bytes += (uint64_t)moved;
    keeper->sweep.live_bytes += (uint64_t)moved;
    output_push(artifacts->output);
    if (artifacts_scan_step(artifacts))
        timer_start(artifacts->scan_on, 0);
}

void artifacts_take(struct artifacts *artifacts)
{
    enum pipe_news news = pipe_look(artifacts->pipe_fd);
    if (news == PIPE_NOTHING)
        return;
    if (news == PIPE_END) {
        close_pipe(artifacts);
        finish(artifacts);
        return;
    }
    artifacts->is_too_long |= artifacts->bytes >= artifacts->bytes_max;
    if (artifacts->is_too_long || artifacts->scan.is_broken)
        drop_bytes(artifacts);
    else
        keep_bytes(artifacts);
}

static void on_pipe_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    artifacts_take(arg);
}

static void on_disk_again(evutil_socket_t fd, short what, void *arg)
{
    struct artifacts *artifacts = arg;
    (void)fd;
    (void)what;
    artifacts->is_stuck = false;
    if (artifacts->readable != NULL)
        event_add(artifacts->readable, NULL);
    finish(artifacts);
}
