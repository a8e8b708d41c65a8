/*
 * The launcher. It starts with power and gives it up before it hears anybody but the bootstrap:
 *
 *   hand_over     the bootstrap, over descriptor 3: who to be, the slots with their sockets and roots, policy, settings
 *   lock_down     an empty root, an ordinary uid, no capability, Landlock, a short list of system calls; all read back
 *   serve         orders of the keeper, words of the supervisors, deadlines; and the bootstrap's later messages
 *
 * It makes no process and mounts nothing: the slots' supervisors do that, each with power in its own user namespace only.
 * It reads neither a network byte nor a byte of job output. When the bootstrap's end of descriptor 3 closes, it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "launcher.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define CONTROL_FD 3

static struct launcher launcher;
static int exit_code;

static int prepare(struct error *err)
{
    int done = fd_sanitise_stdio(err);
    if (done < 0)
        return done;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is met like a full disk */
    /* Two descriptors for each slot and root, ten for each running job: as many as we may have. */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    launcher_init(&launcher);
    launcher.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (launcher.null_fd < 0)
        return fail(err, errno, "open /dev/null");
    launcher.base = event_base_new();
    if (launcher.base == NULL)
        return fail(err, ENOMEM, "make the event loop");
    if (fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0)
        return fail(err, errno, "descriptor %d is not the bootstrap's channel", CONTROL_FD);
    return channel_init(&launcher.control, NULL, CONTROL_FD, err);
}

/* One message, if there is one. -ECONNRESET: the bootstrap is gone. */
static int take_one(struct error *err)
{
    struct message message;
    int got = channel_receive(&launcher.control, &message, err);
    if (got <= 0)
        return got;
    int done = handover_take(&launcher, &message, err);
    message_done(&message);
    return done < 0 ? done : 1;
}

static int hand_over(struct error *err)
{
    int done = 0;
    while (launcher.phase == PHASE_HANDOVER && done == 0) {
        struct message message;
        done = channel_wait(&launcher.control, &message, err);
        if (done < 0)
            break;
        done = handover_take(&launcher, &message, err);
        message_done(&message);
    }
    return done;
}

static void on_control_readable(evutil_socket_t fd, short what, void *arg)
{
    struct error err = { 0 };
    (void)fd;
    (void)what;
    (void)arg;
    int done = take_one(&err);
    if (done >= 0)
        return;
    if (done != -ECONNRESET) {
        log_error("bootstrap: %s; ending", err.text);
        exit_code = 1;
    }
    event_base_loopbreak(launcher.base);
}

static void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    keeper_greet_if_ready(&launcher);
}

static int serve(struct error *err)
{
    const struct timeval patience = { .tv_sec = SUPERVISOR_READY_WAIT_MS / 1000 };
    launcher.control_readable = event_new(launcher.base, CONTROL_FD, EV_READ | EV_PERSIST, on_control_readable, NULL);
    launcher.patience = evtimer_new(launcher.base, on_patience_over, NULL);
    if (launcher.control_readable == NULL || launcher.patience == NULL ||
        event_add(launcher.control_readable, NULL) < 0 || evtimer_add(launcher.patience, &patience) < 0)
        return fail(err, ENOMEM, "listen to the bootstrap");
    keeper_greet_if_ready(&launcher);
    return event_base_dispatch(launcher.base) < 0 ? fail_plain(err, EIO, "the event loop failed") : 0;
}

int main(void)
{
    struct error err = { 0 };
    log_init("launcher");
    int done = prepare(&err);
    if (done == 0)
        done = hand_over(&err);
    if (done == 0)
        done = launcher_lock_down(&launcher, &err);
    if (done == 0) {
        log_info("%u slots; serving configuration %u", launcher.slot_count, launcher.policy->generation);
        done = serve(&err);
    }
    if (done < 0) {
        log_error("%s; ending", err.text);
        return EXIT_FAILURE;
    }
    return exit_code;
}
