#include "unlinker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "output_files.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

/* Both pipes carry whole structs: what is not larger than this is written and read in one piece. */
static_assert(sizeof(struct unlink_order) <= PIPE_BUF && sizeof(struct unlink_result) <= PIPE_BUF, "atomic");

/* Owned by the thread. */
struct work {
    int state_fd, orders_fd, results_fd;
    int (*confine)(const void *arg, struct error *err);
    const void *arg; /* lasts until unlinker_start() returns */
};

static void work_free(struct work *work)
{
    fd_close(&work->state_fd);
    fd_close(&work->orders_fd);
    fd_close(&work->results_fd);
    free(work);
}

static void carry_out(const struct work *work)
{
    struct unlink_result result;
    while (fd_read_exact(work->orders_fd, &result.order, sizeof result.order, NULL) == 0) {
        struct error err = { 0 };
        output_files_remove(work->state_fd, &result.order.job_id, &err);
        result.code = err.code;
        if (fd_write_all(work->results_fd, &result, sizeof result, NULL) < 0)
            return;
    }
}

/* The first thing that it says is how it went so far. */
static void *work_run(void *arg)
{
    struct work *work = arg;
    struct error err = { 0 };
    if (work->confine != NULL)
        work->confine(work->arg, &err);
    if (fd_write_all(work->results_fd, &err, sizeof err, NULL) == 0 && err.code == 0)
        carry_out(work);
    work_free(work);
    return NULL;
}

static int make_work(int state_fd, struct unlinker *unlinker, struct work *work, struct error *err)
{
    int orders[2], results[2];
    work->state_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
    if (work->state_fd < 0)
        return fail(err, errno, "duplicate the state directory");
    if (pipe2(orders, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    work->orders_fd = orders[0];
    unlinker->orders_fd = orders[1];
    if (pipe2(results, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    unlinker->results_fd = results[0];
    work->results_fd = results[1];
    if (fcntl(unlinker->orders_fd, F_SETFL, O_NONBLOCK) < 0)
        return fail(err, errno, "prepare a pipe");
    return 0;
}

static int hear_beginning(const struct unlinker *unlinker, struct error *err)
{
    struct error said = { 0 };
    int done = fd_read_exact(unlinker->results_fd, &said, sizeof said, err);
    if (done < 0)
        return done;
    if (said.code != 0) {
        *err = said;
        return -said.code;
    }
    return fcntl(unlinker->results_fd, F_SETFL, O_NONBLOCK) < 0 ? fail(err, errno, "prepare a pipe") : 0;
}

int unlinker_start(int state_fd, int (*confine)(const void *arg, struct error *err), const void *arg,
                   struct unlinker *ret_unlinker, struct error *err)
{
    struct unlinker unlinker = { .orders_fd = -1, .results_fd = -1 };
    struct work *work = malloc(sizeof *work);
    if (work == NULL)
        return fail(err, ENOMEM, "make a thread");
    *work = (struct work){ .state_fd = -1, .orders_fd = -1, .results_fd = -1, .confine = confine, .arg = arg };
    int done = make_work(state_fd, &unlinker, work, err);
    if (done == 0) {
        int code = pthread_create(&unlinker.thread, NULL, work_run, work);
        done = code != 0 ? fail(err, code, "make a thread") : 0;
    }
    if (done != 0) {
        work_free(work);
        fd_close(&unlinker.orders_fd);
        fd_close(&unlinker.results_fd);
        return fail_in(err, "start the unlinker");
    }
    unlinker.is_there = true;
    done = hear_beginning(&unlinker, err);
    if (done < 0) {
        unlinker_stop(&unlinker);
        return fail_in(err, "start the unlinker");
    }
    *ret_unlinker = unlinker;
    return 0;
}

void unlinker_stop(struct unlinker *unlinker)
{
    if (!unlinker->is_there)
        return;
    fd_close(&unlinker->orders_fd);
    pthread_join(unlinker->thread, NULL);
    fd_close(&unlinker->results_fd);
    unlinker->is_there = false;
}

bool unlinker_order(const struct unlinker *unlinker, const struct unlink_order *order)
{
    return write(unlinker->orders_fd, order, sizeof *order) == (ssize_t)sizeof *order;
}

bool unlinker_result(const struct unlinker *unlinker, struct unlink_result *ret_result)
{
    return read(unlinker->results_fd, ret_result, sizeof *ret_result) == (ssize_t)sizeof *ret_result;
}
