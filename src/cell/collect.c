#include "collect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cell.h"

#define LIFTED_FD_LEAST 64 /* above whatever a supervisor has */

/* The directory and the pipe, and nothing else. */
static void keep_two(int *directory_fd, int *pipe_fd)
{
    int first = fcntl(*directory_fd, F_DUPFD_CLOEXEC, LIFTED_FD_LEAST);
    int second = first < 0 ? -1 : fcntl(*pipe_fd, F_DUPFD_CLOEXEC, first + 1);
    if (second != first + 1 || syscall(SYS_close_range, 0, first - 1, 0) < 0 ||
        syscall(SYS_close_range, second + 1, ~0U, 0) < 0)
        cell_fail("close-descriptors", "");
    *directory_fd = first;
    *pipe_fd = second;
}

/* It writes into a pipe, makes no process, and needs no core. */
static void bound_resources(void)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t most;
    } limits[] = { { RLIMIT_FSIZE, 0 }, { RLIMIT_NPROC, 0 }, { RLIMIT_CORE, 1 } };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (setrlimit(limits[i].resource, &(struct rlimit){ limits[i].most, limits[i].most }) < 0)
            cell_fail("set-rlimit", "");
}

/* As cell.c and job.c: a step that cannot be done ends the process, and then the stream has no end, which is told. */
static _Noreturn void become_collector(const struct plan *plan, int directory_fd, int pipe_fd, pid_t supervisor)
{
    prctl(PR_SET_NAME, "cell-collect", 0, 0, 0);
    keep_two(&directory_fd, &pipe_fd);
    bound_resources();
    cell_drop_to_job(plan); /* the same ids, no capability, and read back */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        cell_fail("die-with-supervisor", "");
    if (getppid() != supervisor)
        cell_fail_code("die-with-supervisor", ESRCH, "");
    cell_apply_collector_landlock(plan, directory_fd);
    cell_load_collector_filter(); /* last: it refuses what the steps above needed */
    collect_walk(plan, directory_fd, pipe_fd);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whatever the launcher has to say is for the next job; only its end is looked at. */
static void wait_for(pid_t pid, int pidfd)
{
    const int64_t until_ms = now_ms() + ARTIFACTS_WAIT_MS;
    for (int64_t left_ms = ARTIFACTS_WAIT_MS; left_ms > 0; left_ms = until_ms - now_ms()) {
        struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN }, { .fd = CELL_START_SOCKET } };
        if (poll(fds, 2, (int)left_ms) < 0)
            continue;
        if ((fds[1].revents & (POLLHUP | POLLERR)) != 0)
            _exit(0); /* and the collector with us */
        if (fds[0].revents != 0)
            break;
    }
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    int status;
    while (wait4(pid, &status, __WALL, NULL) < 0 && errno == EINTR)
        continue;
}

void collect(const struct plan *plan, int tmp_fd, int pipe_fd)
{
    int pidfd = -1;
    pid_t supervisor = getpid();
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        become_collector(plan, tmp_fd, pipe_fd, supervisor);
    if (pid < 0)
        return; /* the pipe ends without a word, which is told */
    wait_for(pid, pidfd);
    close(pidfd);
}
