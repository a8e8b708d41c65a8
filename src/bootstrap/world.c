/*
 * The world of cells: an outer pid namespace with the reaper as its pid 1, the launcher, and a supervisor in every slot. Its
 * inhabitants come and go together: when the reaper or the launcher ends, all of it ends, and a new one is started with a
 * new incarnation number, by which the keeper knows that the jobs of the old one are lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/cell/plan.h"

static int start_reaper(struct bootstrap *bootstrap, struct error *err)
{
    int lifeline[2];
    if (pipe2(lifeline, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int theirs = lifeline[0];
    bootstrap->reaper_lifeline = lifeline[1];
    char id[16];
    snprintf(id, sizeof id, bootstrap->ids.is_single ? "-" : "%u", bootstrap->ids.reaper);
    const char *const arguments[] = { "cell", "reap", id, id, NULL };
    const struct spawn what = {
        .name = "reaper",
        .program_fd = bootstrap->cell_fd,
        .arguments = arguments,
        .fds = &theirs,
        .fd_count = 1,
        .makes_outer_namespace = true,
    };
    int done = spawn(bootstrap, &what, &bootstrap->reaper, err);
    if (done < 0)
        return done;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)bootstrap->reaper);
    bootstrap->outer_pid_namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (bootstrap->outer_pid_namespace < 0)
        return fail(err, errno, "open the outer pid namespace");
    return write(bootstrap->reaper_lifeline, "s", 1) == 1 ? 0 : fail(err, errno, "tell the reaper that it was seen");
}

int world_hand_roots(struct bootstrap *bootstrap, uint32_t index, struct error *err)
{
    int done = 0;
    for (uint32_t root = 0; root < bootstrap->config->policy->root_count && done == 0; root++) {
        struct msg_slot_root slot_root = { .slot = index, .root = root, .generation = bootstrap->generation };
        done = child_hand(bootstrap, PROCESS_LAUNCHER, MSG_SLOT_ROOT, &slot_root, bootstrap->slots[index].roots[root],
                          err);
    }
    return done;
}

static int hand_slot(struct bootstrap *bootstrap, uint32_t index, int socket_fd, struct error *err)
{
    const struct slot *slot = &bootstrap->slots[index];
    struct msg_slot message = { .slot = index, .account = slot->account, .uid = slot->uid, .gid = slot->gid };
    int done = child_hand(bootstrap, PROCESS_LAUNCHER, MSG_SLOT, &message, socket_fd, err);
    return done < 0 ? done : world_hand_roots(bootstrap, index, err);
}

/* A test that shows what an attack does without a layer must not meet that layer in the supervisor either. */
static bool is_test_of_layers(const struct bootstrap *bootstrap)
{
#if SALLYPORT_TEST_SWITCHES
    for (uint32_t i = 0; i < bootstrap->config->policy->command_count; i++)
        if (bootstrap->config->policy->commands[i].test_layers_off != 0)
            return true;
#endif
    (void)bootstrap;
    return false;
}

int world_start_supervisor(struct bootstrap *bootstrap, uint32_t index, struct error *err)
{
    struct slot *slot = &bootstrap->slots[index];
    int pair[2];
    restart_started(&slot->restart, clock_monotonic_ms());
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(err, errno, "make a slot's socket");
    auto_fd int ours = pair[0], theirs = pair[1];
    const int fds[] = { theirs, slot->user_namespace, bootstrap->supervisor_filter_fd, slot->roots[0] };
    const char *const arguments[] = { "cell", "supervise", is_test_of_layers(bootstrap) ? "bare" : NULL, NULL };
    const struct spawn what = {
        .name = "supervisor",
        .program_fd = bootstrap->cell_fd,
        .arguments = arguments,
        .fds = fds,
        .fd_count = sizeof fds / sizeof fds[0],
        .is_in_outer_namespace = true,
        .is_launcher_uid = true,
    };
    int done = spawn(bootstrap, &what, &slot->supervisor, err);
    return done < 0 ? done : hand_slot(bootstrap, index, ours, err);
}

int world_start(struct bootstrap *bootstrap, struct error *err)
{
    bootstrap->is_worldless = false;
    int done = start_reaper(bootstrap, err);
    if (done == 0)
        done = child_start(bootstrap, PROCESS_LAUNCHER, err);
    for (uint32_t i = 0; i < bootstrap->slot_count && done == 0; i++)
        done = world_start_supervisor(bootstrap, i, err);
    if (done == 0)
        done = child_hand_parts(bootstrap, PROCESS_LAUNCHER, err);
    return done < 0 ? fail_in(err, "start the launcher and its slots") : 0;
}

/*
 * The kernel ends the whole namespace when its reaper is killed. The reaper's own end waits until every process in the
 * namespace was reaped, those of ours too: so it is waited for last.
 */
void world_end(struct bootstrap *bootstrap)
{
    struct child *launcher = &bootstrap->children[PROCESS_LAUNCHER];
    bootstrap->is_worldless = true;
    fd_close(&bootstrap->reaper_lifeline);
    if (bootstrap->reaper > 0)
        kill(bootstrap->reaper, SIGKILL);
    if (launcher->pid > 0)
        waitpid(launcher->pid, NULL, 0);
    launcher->pid = 0;
    for (uint32_t i = 0; i < bootstrap->slot_count; i++) {
        if (bootstrap->slots[i].supervisor > 0)
            waitpid(bootstrap->slots[i].supervisor, NULL, 0);
        bootstrap->slots[i].supervisor = 0;
        bootstrap->slots[i].restart.due_ms = 0; /* all of them start with the next world */
    }
    if (bootstrap->reaper > 0)
        waitpid(bootstrap->reaper, NULL, 0);
    bootstrap->reaper = 0;
    fd_close(&bootstrap->outer_pid_namespace);
}
