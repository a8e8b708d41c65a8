#include "handover.h"

#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/proto/channel.h"

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
        else if (message->body.peer.process == PROCESS_NOTIFIER)
            keep_fd(&handover->notifier_fd, message);
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

int handover_receive(int fd, struct handover *ret_handover, struct error *err)
{
    static struct channel channel;
    *ret_handover =
        (struct handover){ .state_fd = -1, .doorbell_fd = -1, .front_fd = -1, .launcher_fd = -1, .notifier_fd = -1 };
    int done = channel_init(&channel, NULL, fd, err);
    while (done == 0 && !ret_handover->has_begun) {
        struct message message;
        done = channel_wait(&channel, &message, err);
        if (done < 0)
            break;
        done = handover_take(ret_handover, &message, err);
        message_done(&message);
    }
    return done < 0 ? fail_in(err, "take over from the bootstrap") : 0;
}

void handover_done(struct handover *handover)
{
    int *fds[] = { &handover->state_fd, &handover->doorbell_fd, &handover->front_fd, &handover->launcher_fd,
                   &handover->notifier_fd };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        fd_close(fds[i]);
    rules_free(&handover->rules);
}
