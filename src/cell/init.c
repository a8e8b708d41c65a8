/*
 * Pid 1 of a job: the same process that built its root, now with nothing left but the power to pass signals on. It waits.
 * When the job's own process has ended it reports the wait status and ends, and the kernel ends whatever the job left
 * behind: a job is over with its main process, not when its last daemon closes a pipe.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell.h"

/* Reaps all that ended. True when the job's own process was among them. */
static bool init_reap(int job_pid, int *ret_status)
{
    for (;;) {
        int status;
        pid_t pid = wait4(-1, &status, WNOHANG, NULL);
        if (pid <= 0)
            return false;
        if (pid == job_pid) {
            *ret_status = status;
            return true;
        }
    }
}

static void init_pass_signal(int job_pid)
{
    uint8_t number;
    ssize_t got = read(CELL_CONTROL, &number, 1);
    if (got == 0)
        _exit(CELL_INIT_FAILED); /* the supervisor is gone: the job goes too */
    if (got == 1 && number > 0)
        kill(-job_pid, number); /* the job's own process leads its group; what left the group ends with us */
}

_Noreturn void init_run(int job_pid)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child, NULL) < 0)
        _exit(CELL_INIT_FAILED);
    int signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        _exit(CELL_INIT_FAILED);
    cell_load_init_filter();

    /* The job may have ended before SIGCHLD was blocked: look before the first wait. */
    int status;
    while (!init_reap(job_pid, &status)) {
        struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN }, { .fd = CELL_CONTROL, .events = POLLIN } };
        if (ppoll(fds, 2, NULL, NULL) < 0)
            continue;
        struct signalfd_siginfo info;
        if ((fds[0].revents & POLLIN) != 0 && read(signal_fd, &info, sizeof info) < 0 && errno != EAGAIN)
            _exit(CELL_INIT_FAILED);
        if ((fds[1].revents & (POLLIN | POLLHUP)) != 0)
            init_pass_signal(job_pid);
    }
    ssize_t put = write(CELL_RESULT, &status, sizeof status);
    _exit(put == (ssize_t)sizeof status ? 0 : CELL_INIT_FAILED);
}
