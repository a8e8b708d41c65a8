#include "keeper_link.h"

#include <errno.h>

#include <event2/event.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#include "attempt.h"
#include "notifier.h"

#define MESSAGES_PER_TURN 16 /* then the connections have their turn */

static void on_readable(evutil_socket_t fd, short what, void *arg); /* orders are taken, */
static void on_patience(evutil_socket_t fd, short what, void *arg); /* until the keeper is gone and no other comes */

static void close_line(struct notifier *notifier)
{
    attempts_drop(notifier);
    if (notifier->keeper_readable != NULL)
        event_free(notifier->keeper_readable);
    notifier->keeper_readable = NULL;
    channel_done(&notifier->keeper);
}

/*
 * What is under way for it ends with it: nobody would know the answers, and the next keeper asks for all of it again. A
 * keeper that lives and let us go is one that the bootstrap knows nothing of: then our end brings both together again.
 */
static void keeper_lost(struct notifier *notifier, const char *why)
{
    struct timeval patience = { PEER_PATIENCE_MS / 1000, 0 };
    close_line(notifier);
    if (notifier->is_stopping) {
        log_info("keeper has ended, ending");
        notifier_stop(notifier, false);
        return;
    }
    log_warn("keeper is gone: %s; waiting for a new one", why);
    event_add(notifier->patience, &patience);
}

static int keeper_take(struct notifier *notifier, struct message *message, struct error *err)
{
    if (message->type != MSG_DELIVER)
        return fail_plain(err, EBADMSG, "%s is not for the notifier", message_defs[message->type].name);
    return attempt_begin(notifier, &message->body.deliver, message->fds[0], err);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct notifier *notifier = arg;
    (void)fd;
    (void)what;
    for (unsigned i = 0; i < MESSAGES_PER_TURN && notifier->keeper.fd >= 0; i++) {
        struct message message;
        struct error err = { 0 };
        int done = channel_receive(&notifier->keeper, &message, &err);
        if (done == 0)
            return;
        if (done > 0) {
            done = keeper_take(notifier, &message, &err);
            message_done(&message);
        }
        if (done < 0)
            keeper_lost(notifier, err.text);
    }
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    struct notifier *notifier = arg;
    (void)fd;
    (void)what;
    log_error("no new keeper came for %d s", PEER_PATIENCE_MS / 1000);
    notifier_stop(notifier, true);
}

int keeper_expect(struct notifier *notifier, struct error *err)
{
    struct timeval patience = { PEER_PATIENCE_MS / 1000, 0 };
    notifier->patience = evtimer_new(notifier->base, on_patience, notifier);
    if (notifier->patience == NULL || event_add(notifier->patience, &patience) < 0)
        return fail(err, ENOMEM, "wait for the keeper");
    return 0;
}

void keeper_attach(struct notifier *notifier, int fd)
{
    struct error err = { 0 };
    close_line(notifier);
    int done = channel_init(&notifier->keeper, notifier->base, fd, &err);
    if (done < 0)
        fd_close(&fd);
    else
        notifier->keeper_readable = event_new(notifier->base, fd, EV_READ | EV_PERSIST, on_readable, notifier);
    if (notifier->keeper_readable == NULL || event_add(notifier->keeper_readable, NULL) < 0) {
        keeper_lost(notifier, done < 0 ? err.text : "out of memory");
        return;
    }
    event_del(notifier->patience);
    log_info("keeper is there, its orders are taken");
}

void keeper_tell(struct notifier *notifier, const struct msg_delivered *delivered)
{
    struct error err = { 0 };
    if (notifier->keeper.fd >= 0 && channel_send(&notifier->keeper, MSG_DELIVERED, 0, delivered, NULL, 0, &err) < 0)
        keeper_lost(notifier, err.text);
}

void keeper_done(struct notifier *notifier)
{
    close_line(notifier);
    if (notifier->patience != NULL)
        event_free(notifier->patience);
    notifier->patience = NULL;
}
