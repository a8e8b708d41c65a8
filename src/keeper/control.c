#include "control.h"

#include <errno.h>

#include "keeper.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

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

static void take_shutdown(struct keeper *keeper, struct message *message)
{
    shutdown_begin(keeper, message->body.shutdown.grace_ms);
}

static void take_reloaded(struct keeper *keeper, struct message *message)
{
    if (!message->body.reloaded.is_taken)
        metrics_note_reload(keeper, false); /* a success is noted where the rules change */
    reloads_take(keeper, &message->body.reloaded);
}

static void (*const takes[MSG_COUNT])(struct keeper *keeper, struct message *message) = {
    [MSG_POLICY] = take_policy,     [MSG_SETTINGS] = take_settings, [MSG_PEER] = take_peer,
    [MSG_SHUTDOWN] = take_shutdown, [MSG_RELOADED] = take_reloaded,
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
