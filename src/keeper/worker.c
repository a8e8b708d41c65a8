#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

/* Owned by the thread. */
struct work {
    const struct worker_kind *kind;
    int fd, orders_fd, results_fd;
    int (*confine)(const void *arg, struct error *err);
    const void *arg; /* lasts until worker_start() returns */
};

static void work_free(struct work *work)
{
    fd_close(&work->fd);
    fd_close(&work->orders_fd);
    fd_close(&work->results_fd);
    free(work);
}

static void carry_out(const struct work *work)
{
    _Alignas(max_align_t) uint8_t order[WORKER_BYTES_MAX], result[WORKER_BYTES_MAX];
    const struct worker_kind *kind = work->kind;
    while (fd_read_exact(work->orders_fd, order, kind->order_bytes, NULL) == 0) {
        memset(result, 0, kind->result_bytes);
        kind->run(work->fd, order, result);
        explicit_bzero(order, kind->order_bytes);
        if (fd_write_all(work->results_fd, result, kind->result_bytes, NULL) < 0)
            return;
    }
}

/* The first thing that it says is how it went so far. */
static void *work_run(void *arg)
{
    struct work *work = arg;
    struct error err = { 0 };
    int done = work->kind->prepare != NULL ? work->kind->prepare(&err) : 0;
    if (done == 0 && work->confine != NULL)
        work->confine(work->arg, &err);
    if (fd_write_all(work->results_fd, &err, sizeof err, NULL) == 0 && err.code == 0)
        carry_out(work);
    work_free(work);
    return NULL;
}

static int make_work(int fd, struct worker *worker, struct work *work, struct error *err)
{
    int orders[2], results[2];
    if (fd >= 0)
        work->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && work->fd < 0)
        return fail(err, errno, "duplicate the state directory");
    if (pipe2(orders, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    work->orders_fd = orders[0];
    worker->orders_fd = orders[1];
    if (pipe2(results, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    worker->results_fd = results[0];
    work->results_fd = results[1];
    if (fcntl(worker->orders_fd, F_SETFL, O_NONBLOCK) < 0)
        return fail(err, errno, "prepare a pipe");
    return 0;
}

static int hear_beginning(const struct worker *worker, struct error *err)
{
    struct error said = { 0 };
    int done = fd_read_exact(worker->results_fd, &said, sizeof said, err);
    if (done < 0)
        return done;
    if (said.code != 0) {
        *err = said;
        return -said.code;
    }
    return fcntl(worker->results_fd, F_SETFL, O_NONBLOCK) < 0 ? fail(err, errno, "prepare a pipe") : 0;
}

int worker_start(const struct worker_kind *kind, int fd, int (*confine)(const void *arg, struct error *err),
                 const void *arg, struct worker *ret_worker, struct error *err)
{
    assert(kind->order_bytes <= WORKER_BYTES_MAX && kind->result_bytes <= WORKER_BYTES_MAX);
    struct worker worker = { .kind = kind, .orders_fd = -1, .results_fd = -1 };
    struct work *work = malloc(sizeof *work);
    if (work == NULL)
        return fail(err, ENOMEM, "make a thread");
    *work = (struct work){ .kind = kind, .fd = -1, .orders_fd = -1, .results_fd = -1, .confine = confine, .arg = arg };
    int done = make_work(fd, &worker, work, err);
    if (done == 0) {
        int code = pthread_create(&worker.thread, NULL, work_run, work);
        done = code != 0 ? fail(err, code, "make a thread") : 0;
    }
    if (done != 0) {
        work_free(work);
        fd_close(&worker.orders_fd);
        fd_close(&worker.results_fd);
        return fail_in(err, "start %s", kind->name);
    }
    worker.is_there = true;
    done = hear_beginning(&worker, err);
    if (done < 0) {
        worker_stop(&worker);
        return fail_in(err, "start %s", kind->name);
    }
    *ret_worker = worker;
    return 0;
}

void worker_stop(struct worker *worker)
{
    if (!worker->is_there)
        return;
    fd_close(&worker->orders_fd);
    pthread_join(worker->thread, NULL);
    fd_close(&worker->results_fd);
    worker->is_there = false;
}

bool worker_order(const struct worker *worker, const void *order)
{
    size_t size = worker->kind->order_bytes;
    return write(worker->orders_fd, order, size) == (ssize_t)size;
}

bool worker_result(const struct worker *worker, void *ret_result)
{
    size_t size = worker->kind->result_bytes;
    return read(worker->results_fd, ret_result, size) == (ssize_t)size;
}
