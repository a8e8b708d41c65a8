#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "keeper.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

/* --- before BEGIN ----------------------------------------------------------------------------------------------------- */

static void keep_fd(int *slot, struct message *message)
{
    fd_close(slot);
    *slot = fd_take(&message->fds[0]);
}

static int handover_take(struct handover *handover, struct message *message, struct error *err)
{
    if (!handover->has_become && message->type != MSG_BECOME)
        return fail_plain(err, EPROTO, "%s before become", message_defs[message->type].name);
    switch (message->type) {
    case MSG_BECOME:
        handover->become = message->body.become;
        handover->has_become = true;
        return 0;
    case MSG_STATE_DIR:
        keep_fd(&handover->state_fd, message);
        return 0;
    case MSG_DOORBELL:
        keep_fd(&handover->doorbell_fd, message);
        return 0;
    case MSG_POLICY:
        return rules_read_policy(&handover->rules, message->fds[0], message->body.generation.generation, err);
    case MSG_SETTINGS:
        return rules_read_settings(&handover->rules, message->fds[0], message->body.generation.generation, err);
    case MSG_PEER:
        if (message->body.peer.process == PROCESS_FRONT)
            keep_fd(&handover->front_fd, message);
        else if (message->body.peer.process == PROCESS_LAUNCHER)
            keep_fd(&handover->launcher_fd, message);
        else
            return fail_plain(err, EPROTO, "a peer that the keeper has no business with");
        return 0;
    case MSG_BEGIN:
        handover->has_begun = true;
        if (handover->state_fd < 0 || !rules_are_whole(&handover->rules))
            return fail_plain(err, EPROTO, "begin without a state directory, a policy and settings");
        return 0;
    default:
        return fail_plain(err, EPROTO, "%s is not for the keeper", message_defs[message->type].name);
    }
}

int control_take_handover(int fd, struct handover *ret_handover, struct error *err)
{
    static struct channel channel;
    *ret_handover = (struct handover){ .state_fd = -1, .doorbell_fd = -1, .front_fd = -1, .launcher_fd = -1 };
    int done = channel_init(&channel, NULL, fd, err);
    while (done == 0 && !ret_handover->has_begun) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        struct message message;
        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return fail(err, errno, "wait for the bootstrap");
        int got = channel_receive(&channel, &message, err);
        if (got == 0)
            continue;
        if (got < 0)
            return fail_in(err, "take over from the bootstrap");
        done = handover_take(ret_handover, &message, err);
        message_done(&message);
    }
    return done < 0 ? fail_in(err, "take over from the bootstrap") : 0;
}

void handover_done(struct handover *handover)
{
    int *fds[] = { &handover->state_fd, &handover->doorbell_fd, &handover->front_fd, &handover->launcher_fd };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        fd_close(fds[i]);
    rules_free(&handover->rules);
}

/* --- while serving ---------------------------------------------------------------------------------------------------- */

static void take_policy(struct keeper *keeper, struct message *message)
{
    struct error err = { 0 };
    if (rules_read_policy(&keeper->draft, message->fds[0], message->body.generation.generation, &err) < 0)
        log_error("a new policy is not taken: %s; the old one stays", err.text);
}

static void take_settings(struct keeper *keeper, struct message *message)
{
    struct error err = { 0 };
    if (rules_read_settings(&keeper->draft, message->fds[0], message->body.generation.generation, &err) < 0) {
        log_error("new settings are not taken: %s; the old ones stay", err.text);
        rules_free(&keeper->draft);
        return;
    }
    keeper_change_rules(keeper, &keeper->draft);
}

static void take_peer(struct keeper *keeper, struct message *message)
{
    keeper_connect(keeper, message->body.peer.process, fd_take(&message->fds[0]));
}

static void take_drain(struct keeper *keeper, struct message *message)
{
    drain_begin(keeper, message->body.drain.grace_ms);
}

static void (*const takes[MSG_COUNT])(struct keeper *keeper, struct message *message) = {
    [MSG_POLICY] = take_policy,
    [MSG_SETTINGS] = take_settings,
    [MSG_PEER] = take_peer,
    [MSG_DRAIN] = take_drain,
};

void control_take(struct keeper *keeper, struct message *message)
{
    if (takes[message->type] != NULL)
        takes[message->type](keeper, message);
    else
        log_warn("the bootstrap sent %s, which is not for a keeper at work; going on",
                 message_defs[message->type].name);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct error err = { 0 };
    struct message message;
    (void)fd;
    (void)what;
    int got = channel_receive(&keeper->control, &message, &err);
    if (got == 0)
        return;
    if (got < 0) {
        log_error("the bootstrap is gone (%s); ending", err.text);
        keeper_stop(keeper, 1);
        return;
    }
    control_take(keeper, &message);
    message_done(&message);
}

int control_serve(struct keeper *keeper, int fd, struct error *err)
{
    int done = channel_init(&keeper->control, NULL, fd, err);
    if (done < 0)
        return done;
    keeper->control_readable = event_new(keeper->base, fd, EV_READ | EV_PERSIST, on_control, keeper);
    if (keeper->control_readable == NULL || event_add(keeper->control_readable, NULL) < 0)
        return fail(err, ENOMEM, "listen to the bootstrap");
    return 0;
}

void control_done(struct keeper *keeper)
{
    if (keeper->control_readable == NULL)
        return;
    event_free(keeper->control_readable);
    keeper->control_readable = NULL;
    channel_done(&keeper->control);
}
