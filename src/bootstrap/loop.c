#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "notify.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define STOP_SPARE_MS 10000 /* beyond the grace: for TERM, KILL and the last commits */

/* Asks for an orderly end; asked again, it does not wait any more. */
static void stop(struct bootstrap *bootstrap)
{
    if (bootstrap->is_stopping) {
        bootstrap->stop_deadline_ms = 0;
        return;
    }
    struct msg_shutdown shutdown = { .grace_ms = bootstrap->config->shutdown_grace_ms };
    struct error err = { 0 };
    restart_due(bootstrap, false); /* only a keeper knows what runs and can wait for it */
    bootstrap->is_stopping = true;
    bootstrap->stop_deadline_ms = clock_monotonic_ms() + shutdown.grace_ms + STOP_SPARE_MS;
    log_info("stopping: running jobs have %u s to end", shutdown.grace_ms / 1000);
    notify_stopping(bootstrap->notify_fd, shutdown.grace_ms + STOP_SPARE_MS, "Stopping: running jobs have %u s to end",
                    shutdown.grace_ms / 1000);
    static const enum process told[] = { PROCESS_FRONT, PROCESS_LAUNCHER, PROCESS_NOTIFIER, PROCESS_KEEPER };
    for (unsigned i = 0; i < sizeof told / sizeof told[0]; i++)
        if (bootstrap->children[told[i]].pid > 0 &&
            child_hand(bootstrap, told[i], MSG_SHUTDOWN, &shutdown, -1, &err) < 0)
            log_warn("not told to stop: %s", err.text);
}

/* Nobody is there any more who would hear how a trial went on. */
static void end_trial(struct bootstrap *bootstrap)
{
    stop(bootstrap);
    bootstrap->stop_deadline_ms = 0;
}

static void reap(struct bootstrap *bootstrap)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        child_ended(bootstrap, pid, status);
}

static void take_signals(struct bootstrap *bootstrap)
{
    struct signalfd_siginfo info;
    while (read(bootstrap->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(bootstrap);
            break;
        case SIGHUP:
            if (!bootstrap->is_stopping && !bootstrap->is_trial)
                reload_run(bootstrap);
            break;
        default:
            stop(bootstrap);
            break;
        }
    }
}

static void answer_doorbell(struct bootstrap *bootstrap)
{
    if (doorbell_heard(bootstrap) && !bootstrap->is_stopping && !bootstrap->is_trial)
        reload_run(bootstrap);
}

/* Stopped is when the keeper, which knows what still runs, has ended. */
static bool has_stopped(const struct bootstrap *bootstrap)
{
    if (!bootstrap->is_stopping)
        return false;
    return bootstrap->children[PROCESS_KEEPER].pid == 0 || clock_monotonic_ms() >= bootstrap->stop_deadline_ms;
}

int loop_run(struct bootstrap *bootstrap)
{
    while (!has_stopped(bootstrap)) {
        struct pollfd fds[] = {
            { .fd = bootstrap->signal_fd, .events = POLLIN },
            { .fd = bootstrap->doorbell_fd, .events = POLLIN },
            { .fd = bootstrap->is_trial && !bootstrap->is_stopping ? STDIN_FILENO : -1, .events = POLLIN },
        };
        int wait_ms = restart_next_wait_ms(bootstrap);
        if (bootstrap->is_stopping)
            wait_ms = (int)(bootstrap->stop_deadline_ms - clock_monotonic_ms());
        if (poll(fds, 3, wait_ms) < 0 && errno != EINTR) {
            log_error("wait for signals: %s; sallyportd ends", strerror(errno));
            return 1;
        }
        if ((fds[0].revents & POLLIN) != 0)
            take_signals(bootstrap);
        if (fds[2].revents != 0)
            end_trial(bootstrap);
        answer_doorbell(bootstrap); /* always: a keeper that has died since poll() may have rung before */
        restart_due(bootstrap, true);
    }
    return bootstrap->exit_status;
}
