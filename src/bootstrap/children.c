/*
 * Front, keeper and launcher: started, handed what they need, joined in pairs, and started again when they die. A child that
 * dies again and again at once is a fault that a restart will not mend: then we say so and end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define QUICK_DEATH_MS   5000
#define QUICK_DEATHS_MAX 5

static int hand_identity(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    const uint32_t ids[PROCESS_COUNT] = {
        [PROCESS_FRONT] = bootstrap->ids.front,
        [PROCESS_KEEPER] = bootstrap->ids.keeper,
        [PROCESS_LAUNCHER] = bootstrap->ids.launcher,
    };
    struct msg_become become = { .uid = ids[process], .gid = ids[process], .keeps_ids = bootstrap->ids.is_single };
    return hand(bootstrap->children[process].control, MSG_BECOME, &become, -1, err);
}

static int hand_front(struct bootstrap *bootstrap, int control, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < bootstrap->config->listener_count && done == 0; i++) {
        const struct config_listener *listener = &bootstrap->config->listeners[i];
        struct msg_listener message = { .is_unix = listener->is_unix };
        memcpy(message.address, listener->address, sizeof message.address);
        done = hand(control, MSG_LISTENER, &message, bootstrap->listener_fds[i], err);
    }
    return done;
}

static int hand_keeper(struct bootstrap *bootstrap, int control, struct error *err)
{
    int done = hand(control, MSG_STATE_DIR, NULL, bootstrap->keeper_dir_fd, err);
    return done < 0 ? done : hand(control, MSG_DOORBELL, NULL, bootstrap->doorbell_fd, err);
}

/* The launcher's slots come from world.c, because supervisors are started with it. */
static int hand_launcher(struct bootstrap *bootstrap, int control, struct error *err)
{
    int done = hand(control, MSG_START_RECORD, NULL, bootstrap->starts_fd, err);
    if (done < 0 || !bootstrap->groups.exist)
        return done;
    return hand(control, MSG_CGROUP, NULL, bootstrap->groups.jobs_fd, err);
}

int child_hand_parts(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    int control = bootstrap->children[process].control, done = 0;
    struct msg_generation generation = { .generation = bootstrap->generation };
    if (bootstrap->policy_fds[process] >= 0)
        done = hand(control, MSG_POLICY, &generation, bootstrap->policy_fds[process], err);
    return done < 0 ? done : hand(control, MSG_SETTINGS, &generation, bootstrap->settings_fds[process], err);
}

int child_start(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    static int (*const hand_own[PROCESS_COUNT])(struct bootstrap *, int, struct error *) = {
        [PROCESS_FRONT] = hand_front,
        [PROCESS_KEEPER] = hand_keeper,
        [PROCESS_LAUNCHER] = hand_launcher,
    };
    struct child *child = &bootstrap->children[process];
    int pair[2];
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
    child->started_ms = clock_monotonic_ms();
    fd_close(&theirs);
    done = hand_identity(bootstrap, process, err);
    if (done == 0)
        done = hand_own[process](bootstrap, child->control, err);
    return done < 0 ? fail_in(err, "start '%s'", child->name) : 0;
}

int children_join(struct bootstrap *bootstrap, enum process left, enum process right, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(err, errno, "make a channel");
    auto_fd int left_end = pair[0], right_end = pair[1];
    struct msg_peer to_left = { .process = (uint8_t)right }, to_right = { .process = (uint8_t)left };
    int done = hand(bootstrap->children[left].control, MSG_PEER, &to_left, left_end, err);
    return done < 0 ? done : hand(bootstrap->children[right].control, MSG_PEER, &to_right, right_end, err);
}

static const char *end_text(int status, char text[64])
{
    if (WIFSIGNALED(status))
        snprintf(text, 64, "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
    return text;
}

/* False when it died too often, too quickly. */
static bool may_restart(struct child *child)
{
    bool was_quick = clock_monotonic_ms() - child->started_ms < QUICK_DEATH_MS;
    child->quick_deaths = was_quick ? child->quick_deaths + 1 : 0;
    return child->quick_deaths < QUICK_DEATHS_MAX;
}

/* Starts front or keeper again and joins it to its neighbours; those keep their side of things. */
static int restart(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    int done = child_start(bootstrap, process, err);
    if (done == 0)
        done = child_hand_parts(bootstrap, process, err);
    if (done == 0)
        done = children_join(bootstrap, PROCESS_FRONT, PROCESS_KEEPER, err);
    if (done == 0 && process == PROCESS_KEEPER)
        done = children_join(bootstrap, PROCESS_KEEPER, PROCESS_LAUNCHER, err);
    return done < 0 ? done : hand(bootstrap->children[process].control, MSG_BEGIN, NULL, -1, err);
}

/* The launcher's jobs end with it; what they left in control groups goes before a new world can use the slots. */
static int restart_world(struct bootstrap *bootstrap, struct error *err)
{
    world_end(bootstrap);
    groups_sweep_jobs(bootstrap);
    int done = parts_renew_launcher(bootstrap, err);
    if (done == 0)
        done = world_start(bootstrap, err);
    if (done == 0)
        done = children_join(bootstrap, PROCESS_KEEPER, PROCESS_LAUNCHER, err);
    return done < 0 ? done : hand(bootstrap->children[PROCESS_LAUNCHER].control, MSG_BEGIN, NULL, -1, err);
}

static void restart_or_stop(struct bootstrap *bootstrap, enum process process)
{
    struct child *child = &bootstrap->children[process];
    struct error err = { 0 };
    int done;
    if (!may_restart(child))
        done = fail_plain(&err, ELOOP, "%s died %u times in a row, each within %d s of its start", child->name,
                          child->quick_deaths, QUICK_DEATH_MS / 1000);
    else if (process == PROCESS_LAUNCHER)
        done = restart_world(bootstrap, &err);
    else
        done = restart(bootstrap, process, &err);
    if (done < 0) {
        log_error("%s; sallyportd ends, and the lines above say why", err.text);
        bootstrap->is_stopping = true;
        bootstrap->has_failed = true;
        bootstrap->stop_deadline_ms = 0;
    }
}

static struct slot *slot_of(struct bootstrap *bootstrap, pid_t pid)
{
    for (uint32_t i = 0; i < bootstrap->slot_count; i++)
        if (bootstrap->slots[i].supervisor == pid)
            return &bootstrap->slots[i];
    return NULL;
}

void child_ended(struct bootstrap *bootstrap, pid_t pid, int status)
{
    char how[64];
    struct slot *slot = slot_of(bootstrap, pid);
    if (slot != NULL) {
        slot->supervisor = 0;
        struct error err = { 0 };
        if (bootstrap->is_stopping || bootstrap->is_worldless)
            return;
        log_warn("a slot's supervisor %s; it is started again", end_text(status, how));
        if (world_start_supervisor(bootstrap, (uint32_t)(slot - bootstrap->slots), &err) < 0)
            log_error("%s; this slot stays unused", err.text);
        return;
    }
    if (pid == bootstrap->reaper) {
        bootstrap->reaper = 0;
        if (!bootstrap->is_stopping && !bootstrap->is_worldless && bootstrap->children[PROCESS_LAUNCHER].pid > 0)
            kill(bootstrap->children[PROCESS_LAUNCHER].pid, SIGKILL); /* it is going anyway; its end starts all anew */
        return;
    }
    for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT; process++) {
        struct child *child = &bootstrap->children[process];
        if (child->pid != pid)
            continue;
        child->pid = 0;
        if (bootstrap->is_stopping || (process == PROCESS_LAUNCHER && bootstrap->is_worldless))
            return;
        log_warn("%s %s; it is started again", child->name, end_text(status, how));
        restart_or_stop(bootstrap, process);
        return;
    }
}

void children_end(struct bootstrap *bootstrap)
{
    for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT; process++) {
        struct child *child = &bootstrap->children[process];
        fd_close(&child->control);
        if (child->pid > 0) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, NULL, 0);
        }
        child->pid = 0;
    }
}
