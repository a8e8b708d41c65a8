#include "output_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "artifacts.h"
#include "keeper.h"
#include "output.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define PIECE_BYTES (1024 * 1024)
#define STEP_MS     10 /* of the loop's time at once */

static void on_step(evutil_socket_t fd, short what, void *arg);

int output_syncs_init(struct keeper *keeper, struct error *err)
{
    TAILQ_INIT(&keeper->output_syncs.list);
    keeper->output_syncs.step = evtimer_new(keeper->base, on_step, keeper);
    return keeper->output_syncs.step != NULL ? 0 : fail(err, ENOMEM, "prepare to sync output");
}

void output_syncs_done(struct keeper *keeper)
{
    if (keeper->output_syncs.step != NULL)
        event_free(keeper->output_syncs.step);
    keeper->output_syncs.step = NULL;
}

static uint64_t index_bytes(const struct output *output)
{
    return (uint64_t)output->records * OUTPUT_RECORD_BYTES;
}

/* Its errors are not looked at: fdatasync() tells them again, and a file system without it loses only the head start. */
static void push(struct output *output)
{
    sync_file_range(output->log_fd, (off64_t)output->pushed, (off64_t)(output->bytes - output->pushed),
                    SYNC_FILE_RANGE_WRITE);
    sync_file_range(output->index_fd, (off64_t)output->index_pushed,
                    (off64_t)(index_bytes(output) - output->index_pushed), SYNC_FILE_RANGE_WRITE);
    output->pushed = output->bytes;
    output->index_pushed = index_bytes(output);
    struct artifacts *artifacts = output->artifacts;
    if (artifacts == NULL)
        return;
    sync_file_range(artifacts->fd, (off64_t)artifacts->pushed, (off64_t)(artifacts->bytes - artifacts->pushed),
                    SYNC_FILE_RANGE_WRITE);
    artifacts->pushed = artifacts->bytes;
}

void output_push(struct output *output)
{
    uint64_t gathered = output->bytes - output->pushed + index_bytes(output) - output->index_pushed;
    if (output->artifacts != NULL)
        gathered += output->artifacts->bytes - output->artifacts->pushed;
    if (output->keeper->rules.settings.syncs_fully && gathered >= PIECE_BYTES)
        push(output);
}

bool output_sync(struct output *output)
{
    struct keeper *keeper = output->keeper;
    bool has_nothing = output->bytes == 0 && output->artifacts == NULL;
    if (output->is_synced || has_nothing || !keeper->rules.settings.syncs_fully)
        return true;
    if (output->is_syncing)
        return false;
    push(output);
    output->is_syncing = true;
    TAILQ_INSERT_TAIL(&keeper->output_syncs.list, output, in_syncs);
    timer_start(keeper->output_syncs.step, 0);
    return false;
}

void output_sync_stop(struct output *output)
{
    if (output->is_syncing)
        TAILQ_REMOVE(&output->keeper->output_syncs.list, output, in_syncs);
    output->is_syncing = false;
}

/* Waits for one piece of the file. False when none is left. */
static bool wait_piece(int fd, uint64_t size, uint64_t *waited)
{
    if (*waited >= size)
        return false;
    sync_file_range(fd, (off64_t)*waited, PIECE_BYTES,
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    *waited += PIECE_BYTES;
    return true;
}

/* True when nothing is left to do. */
static bool sync_step(struct output *output)
{
    if (wait_piece(output->log_fd, output->bytes, &output->waited) ||
        wait_piece(output->index_fd, index_bytes(output), &output->index_waited))
        return false;
    struct artifacts *artifacts = output->artifacts;
    if (artifacts != NULL && wait_piece(artifacts->fd, artifacts->bytes, &artifacts->waited))
        return false;
    if (fdatasync(output->log_fd) < 0 || fdatasync(output->index_fd) < 0 ||
        (artifacts != NULL && (fdatasync(artifacts->fd) < 0 || fdatasync(artifacts->index_fd) < 0)))
        log_error("the output of a job of '%s' may not be on the disk: errno %d; a power cut could shorten it",
                  output->job->record.command, errno);
    return true;
}

/* Round and round among those that have ended, so that a large log does not hold up the small ones. */
static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct output *output;
    uint64_t until_ms = clock_monotonic_ms() + STEP_MS;
    (void)fd;
    (void)what;
    while ((output = TAILQ_FIRST(&keeper->output_syncs.list)) != NULL && clock_monotonic_ms() < until_ms) {
        TAILQ_REMOVE(&keeper->output_syncs.list, output, in_syncs);
        if (!sync_step(output)) {
            TAILQ_INSERT_TAIL(&keeper->output_syncs.list, output, in_syncs);
            continue;
        }
        output->is_syncing = false;
        output->is_synced = true;
        output_synced(output);
    }
    if (!TAILQ_EMPTY(&keeper->output_syncs.list))
        timer_start(keeper->output_syncs.step, 0);
}
