/*
 * The keeper decides who may do what, and keeps every record and every byte of output. It runs without privilege and
 * without network, in a file system that is its own state directory.
 *
 * It is told what to be by the bootstrap over descriptor 3, one way, and believes it. It hears requests from the front,
 * and believes none: each carries the evidence of whoever made it, and that is what counts. It gives orders to the
 * launcher, and believes what that says about the jobs it was given, and nothing else. What the jobs write it moves from
 * pipes to files without looking.
 *
 * In order: take over (handover.c), lock down (lockdown.c), open the records and see what was under way (keeper.c,
 * recover.c), serve. All that arrives in one turn of the loop is stored in one commit, and nobody hears of it before (turn.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "control.h"
#include "handover.h"
#include "keeper.h"
#include "lockdown.h"
#include "records.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define CONTROL_FD 3

/* The orderly stop comes over the control channel; a terminal's Ctrl-C is for the bootstrap alone. A limit on the size of
 * files is met like a full disk. */
static void ignore_signals(void)
{
    static const int ignored[] = { SIGPIPE, SIGINT, SIGHUP, SIGQUIT, SIGXFSZ };
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
}

static int prepare(struct handover *handover, struct keeper **ret_keeper, struct error *err)
{
    int done = handover_receive(CONTROL_FD, handover, err);
    if (done < 0)
        return done;
    auto_fd int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC); /* while there is one */
    if (null_fd < 0)
        return fail(err, errno, "open /dev/null");
    struct event_base *base = event_base_new(); /* while a socket pair can still be made */
    if (base == NULL)
        return fail(err, ENOMEM, "make the event loop");
    auto_fd int root_fd = -1;
    struct workers workers = { 0 };
    done = keeper_lockdown(&handover->become, &handover->state_fd, &root_fd, &workers, err);
    if (done < 0)
        return done;
    return keeper_new(base, fd_take(&root_fd), fd_take(&null_fd), fd_take(&handover->doorbell_fd), &workers, "/jobs.db",
                      &handover->rules, ret_keeper, err);
}

static int serve(struct keeper *keeper, struct handover *handover, struct error *err)
{
    int done = control_serve(keeper, CONTROL_FD, err);
    if (done < 0)
        return done;
    if (handover->front_fd >= 0)
        keeper_connect(keeper, PROCESS_FRONT, fd_take(&handover->front_fd));
    if (handover->launcher_fd >= 0)
        keeper_connect(keeper, PROCESS_LAUNCHER, fd_take(&handover->launcher_fd));
    if (handover->notifier_fd >= 0)
        keeper_connect(keeper, PROCESS_NOTIFIER, fd_take(&handover->notifier_fd));
    log_info("serving generation %u", keeper->rules.generation);
    event_base_dispatch(keeper->base);
    return 0;
}

int main(void)
{
    struct error err = { 0 };
    struct handover handover = {
        .state_fd = -1, .doorbell_fd = -1, .front_fd = -1, .launcher_fd = -1, .notifier_fd = -1
    };
    struct keeper *keeper = NULL;
    int code = EXIT_FAILURE;
    log_init("keeper");
    ignore_signals();
    int done = fd_sanitise_stdio(&err);
    if (done == 0)
        done = prepare(&handover, &keeper, &err);
    if (done == 0 && keeper != NULL) {
        done = serve(keeper, &handover, &err);
        code = keeper->exit_code;
    }
    if (done < 0) {
        log_error("cannot start: %s%s", err.text, records_advice(err.code));
        code = records_are_hopeless(err.code) ? EXIT_RECORDS : EXIT_FAILURE;
    }
    keeper_free(keeper);
    handover_done(&handover);
    return code;
}
