#include "copies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "keeper.h"
#include "timer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define PIECE_BYTES      (1024 * 1024)
#define SEEN_PIECE_BYTES (64 * 1024)

struct copy {
    TAILQ_ENTRY(copy) in_list;
    int from_fd, to_fd;
    uint64_t from_at, to_at;
    uint64_t size, copied, synced;
    bool syncs;
    copy_seen *seen; /* or NULL */
    copy_ended *ended;
    void *arg;
};

static void on_step(evutil_socket_t fd, short what, void *arg);

int copies_init(struct keeper *keeper, struct error *err)
{
    TAILQ_INIT(&keeper->copies.list);
    keeper->copies.step = evtimer_new(keeper->base, on_step, keeper);
    return keeper->copies.step != NULL ? 0 : fail(err, ENOMEM, "prepare copies");
}

static void copy_free(struct copy *copy)
{
    fd_close(&copy->from_fd);
    fd_close(&copy->to_fd);
    free(copy);
}

void copies_done(struct keeper *keeper)
{
    if (keeper->copies.step == NULL)
        return;
    struct copy *copy = TAILQ_FIRST(&keeper->copies.list);
    while (copy != NULL) {
        struct copy *next = TAILQ_NEXT(copy, in_list);
        copy_free(copy);
        copy = next;
    }
    event_free(keeper->copies.step);
    keeper->copies.step = NULL;
}

int copy_begin(struct keeper *keeper, const struct copy_wish *wish, struct copy **ret_copy, struct error *err)
{
    struct copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return fail(err, ENOMEM, "copy input");
    *copy = (struct copy){ .from_fd = fcntl(wish->from_fd, F_DUPFD_CLOEXEC, 3),
                           .to_fd = fcntl(wish->to_fd, F_DUPFD_CLOEXEC, 3),
                           .from_at = wish->from_at,
                           .to_at = wish->to_at,
                           .size = wish->size,
                           .syncs = wish->syncs,
                           .seen = wish->seen,
                           .ended = wish->ended,
                           .arg = wish->arg };
    if (copy->from_fd < 0 || copy->to_fd < 0) {
        copy_free(copy);
        return fail(err, EMFILE, "copy input");
    }
    TAILQ_INSERT_TAIL(&keeper->copies.list, copy, in_list);
    timer_start(keeper->copies.step, 0);
    *ret_copy = copy;
    return 0;
}

void copy_stop(struct keeper *keeper, struct copy *copy)
{
    if (copy == NULL)
        return;
    TAILQ_REMOVE(&keeper->copies.list, copy, in_list);
    copy_free(copy);
}

/* What was copied is read again, to be shown: from memory, as `from` is a memory file then. */
static int show_piece(struct copy *copy, uint64_t size, struct error *err)
{
    uint8_t piece[SEEN_PIECE_BYTES];
    for (uint64_t at = 0; at < size;) {
        size_t most = size - at < sizeof piece ? (size_t)(size - at) : sizeof piece;
        ssize_t got = pread(copy->from_fd, piece, most, (off_t)(copy->from_at + copy->copied + at));
        if (got <= 0)
            return fail(err, got < 0 ? errno : EIO, "read input");
        copy->seen(copy->arg, piece, (size_t)got);
        at += (uint64_t)got;
    }
    return 0;
}

/* The kernel copies; nothing passes through our memory. The disk begins to write at once. */
static int move_piece(struct copy *copy, struct error *err)
{
    off_t at = (off_t)(copy->from_at + copy->copied);
    uint64_t left = copy->size - copy->copied;
    ssize_t moved = sendfile(copy->to_fd, copy->from_fd, &at, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);
    if (moved < 0 && errno == EINTR)
        return 1;
    if (moved <= 0)
        return fail(err, moved < 0 ? errno : EIO, "copy input");
    int done = copy->seen != NULL ? show_piece(copy, (uint64_t)moved, err) : 0;
    if (done < 0)
        return done;
    if (copy->syncs)
        sync_file_range(copy->to_fd, (off64_t)(copy->to_at + copy->copied), moved, SYNC_FILE_RANGE_WRITE);
    copy->copied += (uint64_t)moved;
    return 1;
}

/*
 * Waits for the disk a piece at a time; what is left for fdatasync() is small then. An error of sync_file_range() is not
 * looked at: fdatasync() tells it again, and file systems without it lose only the short waits.
 */
static int sync_piece(struct copy *copy, struct error *err)
{
    if (copy->synced < copy->size) {
        sync_file_range(copy->to_fd, (off64_t)(copy->to_at + copy->synced), PIECE_BYTES,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
        copy->synced += PIECE_BYTES;
        return 1;
    }
    return fdatasync(copy->to_fd) < 0 ? fail(err, errno, "sync input") : 0;
}

/* 1 while there is more to do. */
static int copy_step(struct copy *copy, struct error *err)
{
    if (copy->copied < copy->size)
        return move_piece(copy, err);
    return copy->syncs ? sync_piece(copy, err) : 0;
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct error err = { 0 };
    (void)fd;
    (void)what;
    struct copy *copy = TAILQ_FIRST(&keeper->copies.list);
    if (copy == NULL)
        return;
    TAILQ_REMOVE(&keeper->copies.list, copy, in_list);
    int done = copy_step(copy, &err);
    if (done > 0) {
        TAILQ_INSERT_TAIL(&keeper->copies.list, copy, in_list);
    } else {
        copy->ended(keeper, copy->arg, done, &err);
        copy_free(copy);
    }
    if (!TAILQ_EMPTY(&keeper->copies.list))
        timer_start(keeper->copies.step, 0);
}
