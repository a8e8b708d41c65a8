/*
 * The bootstrap's orders, in the order in which they come: who to be, the listening sockets, the settings, the keeper's
 * line, then MSG_BEGIN, on which the process gives up what it has and starts to serve. Later there may be new settings, a
 * new keeper, and the request to come to an end.
 */
#include "front.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#include "compat/compat.h"
#include "descriptors.h"
#include "dialect.h"
#include "http.h"
#include "keeper_link.h"
#include "request.h"

#define KEEPER_CHECK_MS 100

static int take_listener(struct front *front, struct message *message, struct error *err)
{
    const struct msg_listener *order = &message->body.listener;
    const struct dialect *own = predecessor_dialect(order->predecessor);
    if (front->listener_count == LISTENER_COUNT_MAX || front->is_open)
        return fail_plain(err, EBADMSG, "a listener too many, or too late");
    front->listeners[front->listener_count++] = (struct listener){
        .front = front,
        .fd = fd_take(&message->fds[0]),
        .is_tls = order->is_tls,
        .is_own = own != NULL,
        .dialect = order->is_for_metrics ? &metrics_dialect
                   : own != NULL         ? own
                                         : &api_dialect,
    };
    return 0;
}

static int take_settings(struct front *front, struct message *message, struct error *err)
{
    uint32_t generation = message->body.generation.generation;
    int done = public_settings_load(&front->settings, message->fds[0], generation, err);
    if (done == 0)
        log_info("settings of generation %u hold, with %u commands", generation, front->settings.command_count);
    return done;
}

/* What the bootstrap may say before MSG_BEGIN and after. -EBADMSG for anything else. */
static int control_take(struct front *front, struct message *message, int *ret_keeper_fd, struct error *err)
{
    switch (message->type) {
    case MSG_LISTENER:
        return take_listener(front, message, err);
    case MSG_SETTINGS:
        return take_settings(front, message, err);
    case MSG_PEER:
        if (message->body.peer.process != PROCESS_KEEPER)
            return fail_plain(err, EBADMSG, "a peer that is not the keeper");
        fd_close(ret_keeper_fd);
        *ret_keeper_fd = fd_take(&message->fds[0]);
        return 0;
    case MSG_SHUTDOWN:
        front->is_stopping = true;
        log_info("no new jobs are taken, open requests go on");
        return 0;
    default:
        return fail_plain(err, EBADMSG, "%s is not for the front", message_defs[message->type].name);
    }
}

static int read_orders(struct front *front, struct msg_become *ret_become, int *ret_keeper_fd, struct error *err)
{
    struct message message;
    int done = channel_wait(&front->control, &message, err);
    if (done < 0)
        return done;
    if (message.type != MSG_BECOME) {
        message_done(&message);
        return fail_plain(err, EBADMSG, "the first order is not whom to become");
    }
    *ret_become = message.body.become;
    for (;;) {
        done = channel_wait(&front->control, &message, err);
        if (done < 0)
            return done;
        if (message.type == MSG_BEGIN) {
            message_done(&message);
            return 0;
        }
        done = control_take(front, &message, ret_keeper_fd, err);
        message_done(&message);
        if (done < 0)
            return done;
    }
}

static void front_stop(struct front *front)
{
    event_base_loopbreak(front->base);
}

static void on_control_readable(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    struct message message;
    struct error err = { 0 };
    (void)fd;
    (void)what;
    int done = channel_receive(&front->control, &message, &err);
    if (done == 0)
        return;
    if (done == -ECONNRESET) {
        log_info("the bootstrap is gone, ending");
        front_stop(front);
        return;
    }
    int keeper_fd = -1;
    bool is_settings = false;
    if (done > 0) {
        is_settings = message.type == MSG_SETTINGS;
        done = control_take(front, &message, &keeper_fd, &err);
        message_done(&message);
    }
    if (keeper_fd >= 0)
        keeper_attach(front, keeper_fd);
    if (done < 0 && is_settings) {
        log_error("new settings cannot be used: %s; the old ones hold", err.text);
    } else if (done < 0) {
        log_error("the bootstrap said what cannot be: %s; ending", err.text);
        front->is_broken = true;
        front_stop(front);
    }
}

/*
 * A stop is over when the keeper has ended, for then all jobs have, and the last reader has its last byte. A keeper that lives
 * and let us go is one that the bootstrap knows nothing of: then our end brings both together again.
 */
static void on_keeper_check(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    (void)fd;
    (void)what;
    if (!front->is_stopping && front->keeper_left_ms != 0 &&
        clock_monotonic_ms() - front->keeper_left_ms >= PEER_PATIENCE_MS) {
        log_error("no new keeper came for %d s", PEER_PATIENCE_MS / 1000);
        front->is_broken = true;
        front_stop(front);
    }
    if (front->is_stopping && front->keeper.fd < 0 && front->requests == NULL) {
        log_info("all is answered, ending");
        front_stop(front);
    }
}

static int serve(struct front *front, int keeper_fd, struct error *err)
{
    struct timeval check = { 0, KEEPER_CHECK_MS * 1000 };
    int done = http_open(front, err);
    if (done < 0)
        return done;
    front->control_readable =
        event_new(front->base, front->control.fd, EV_READ | EV_PERSIST, on_control_readable, front);
    struct event *checks = event_new(front->base, -1, EV_PERSIST, on_keeper_check, front);
    if (front->control_readable == NULL || checks == NULL || event_add(front->control_readable, NULL) < 0 ||
        event_add(checks, &check) < 0)
        return fail(err, ENOMEM, "make event loop");
    if (keeper_fd >= 0)
        keeper_attach(front, keeper_fd);
    else
        log_warn("no keeper yet; requests get 503 until one comes");
    event_base_dispatch(front->base);
    event_free(checks);
    return front->is_broken ? fail_plain(err, EBADMSG, "ended, to be started anew") : 0;
}

static void front_done(struct front *front)
{
    if (front->base != NULL) {
        http_close(front);
        if (front->keeper.fd >= 0) {
            event_free(front->keeper_readable);
            channel_done(&front->keeper);
        }
        if (front->control_readable != NULL)
            event_free(front->control_readable);
    }
    channel_done(&front->control);
    public_settings_done(&front->settings);
    if (front->base != NULL)
        event_base_free(front->base);
}

int front_run(int control_fd, front_lockdown lockdown, struct error *err)
{
    struct front *front = calloc(1, sizeof *front);
    if (front == NULL)
        return fail(err, ENOMEM, "start");
    front->keeper.fd = -1;
    descriptors_raise(front);
    auto_fd int keeper_fd = -1;
    struct msg_become become;
    int done = channel_init(&front->control, NULL, control_fd, err);
    if (done == 0)
        done = read_orders(front, &become, &keeper_fd, err);
    if (done == 0 && (front->base = event_base_new()) == NULL) /* makes a socket pair, which the filter refuses later */
        done = fail(err, ENOMEM, "make event loop");
    if (done == 0)
        done = lockdown(&become, err);
    if (done == 0)
        done = hook_rates_init(&front->hook_rates, err);
    if (done == 0)
        done = serve(front, fd_take(&keeper_fd), err);
    front_done(front);
    free(front);
    return done;
}
