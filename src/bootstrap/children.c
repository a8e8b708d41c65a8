/* Front, keeper, launcher and notifier: started, handed what they need, joined in pairs, and ended. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

bool child_is_wanted(const struct config *config, enum process process)
{
    return process != PROCESS_NOTIFIER || config->callback_count > 0;
}

int child_hand(struct bootstrap *bootstrap, enum process process, enum msg_type type, const void *body, int fd,
               struct error *err)
{
    struct child *child = &bootstrap->children[process];
    int done = hand(child->control, type, body, fd, err);
    if (done == 0)
        return 0;
    if (child->pid > 0) /* and not reaped yet, so the number is still its own */
        kill(child->pid, SIGKILL);
    return fail_in(err, "%s", child->name);
}

static int hand_identity(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    const uint32_t ids[PROCESS_COUNT] = {
        [PROCESS_FRONT] = bootstrap->ids.front,
        [PROCESS_KEEPER] = bootstrap->ids.keeper,
        [PROCESS_LAUNCHER] = bootstrap->ids.launcher,
        [PROCESS_NOTIFIER] = bootstrap->ids.notifier,
    };
    struct msg_become become = { .uid = ids[process], .gid = ids[process], .keeps_ids = bootstrap->ids.is_single };
    return child_hand(bootstrap, process, MSG_BECOME, &become, -1, err);
}

static int hand_front(struct bootstrap *bootstrap, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < bootstrap->config->listener_count && done == 0; i++) {
        const struct config_listener *listener = &bootstrap->config->listeners[i];
        struct msg_listener message = { .is_unix = listener->is_unix,
                                        .is_for_metrics = listener->is_for_metrics,
                                        .is_tls = listener->is_tls,
                                        .predecessor = listener->predecessor };
        memcpy(message.address, listener->address, sizeof message.address);
        done = child_hand(bootstrap, PROCESS_FRONT, MSG_LISTENER, &message, bootstrap->listener_fds[i], err);
    }
    return done;
}

static int hand_keeper(struct bootstrap *bootstrap, struct error *err)
{
    int done = doorbell_make(bootstrap, err);
    if (done == 0)
        done = child_hand(bootstrap, PROCESS_KEEPER, MSG_STATE_DIR, NULL, bootstrap->keeper_dir_fd, err);
    return done < 0 ? done : child_hand(bootstrap, PROCESS_KEEPER, MSG_DOORBELL, NULL, bootstrap->doorbell_fd, err);
}

/* The launcher's slots come from world.c, because supervisors are started with it. */
static int hand_launcher(struct bootstrap *bootstrap, struct error *err)
{
    int done = child_hand(bootstrap, PROCESS_LAUNCHER, MSG_START_RECORD, NULL, bootstrap->starts_fd, err);
    if (done < 0 || !bootstrap->groups.exist)
        return done;
    return child_hand(bootstrap, PROCESS_LAUNCHER, MSG_CGROUP, NULL, bootstrap->groups.jobs_fd, err);
}

int child_hand_parts(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    int done = 0;
    struct msg_generation generation = { .generation = bootstrap->generation };
    if (bootstrap->policy_fds[process] >= 0)
        done = child_hand(bootstrap, process, MSG_POLICY, &generation, bootstrap->policy_fds[process], err);
    return done < 0 ? done
                    : child_hand(bootstrap, process, MSG_SETTINGS, &generation, bootstrap->settings_fds[process], err);
}

int child_start(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    static int (*const hand_own[PROCESS_COUNT])(struct bootstrap *, struct error *) = {
        /* the notifier has nothing of its own */
        [PROCESS_FRONT] = hand_front,
        [PROCESS_KEEPER] = hand_keeper,
        [PROCESS_LAUNCHER] = hand_launcher,
    };
    struct child *child = &bootstrap->children[process];
    int pair[2];
    restart_started(&child->restart, clock_monotonic_ms());
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(err, errno, "make a control channel");
    fd_close(&child->control);
    child->control = pair[0];
    auto_fd int theirs = pair[1];
    const char *const arguments[] = { child->name, NULL };
    const struct spawn what = {
        .name = child->name,
        .program_fd = -1,
        .arguments = arguments,
        .fds = &theirs,
        .fd_count = 1,
        .is_in_outer_namespace = process == PROCESS_LAUNCHER,
    };
    int done = spawn(bootstrap, &what, &child->pid, err);
    if (done < 0)
        return done;
    fd_close(&theirs);
    done = hand_identity(bootstrap, process, err);
    if (done == 0 && hand_own[process] != NULL)
        done = hand_own[process](bootstrap, err);
    return done < 0 ? fail_in(err, "start '%s'", child->name) : 0;
}

static int join(struct bootstrap *bootstrap, enum process left, enum process right, struct error *err)
{
    int pair[2];
    if (bootstrap->children[left].pid == 0 || bootstrap->children[right].pid == 0)
        return 0; /* whoever is not there is joined when it is started */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(err, errno, "make a channel");
    auto_fd int left_end = pair[0], right_end = pair[1];
    struct msg_peer to_left = { .process = (uint8_t)right }, to_right = { .process = (uint8_t)left };
    int to_one = child_hand(bootstrap, left, MSG_PEER, &to_left, left_end, err);
    int to_other = child_hand(bootstrap, right, MSG_PEER, &to_right, right_end, err);
    return to_one < 0 ? to_one : to_other;
}

int children_join(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    static const struct {
        enum process left, right;
    } lines[] = {
        { PROCESS_FRONT, PROCESS_KEEPER },
        { PROCESS_KEEPER, PROCESS_LAUNCHER },
        { PROCESS_KEEPER, PROCESS_NOTIFIER },
    };
    int result = 0;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (process != PROCESS_NONE && process != lines[i].left && process != lines[i].right)
            continue;
        int done = join(bootstrap, lines[i].left, lines[i].right, err);
        if (done < 0)
            result = done;
    }
    return result;
}

void child_end(struct bootstrap *bootstrap, enum process process)
{
    struct child *child = &bootstrap->children[process];
    fd_close(&child->control);
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    child->pid = 0;
}
