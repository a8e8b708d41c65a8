#include "peer.h"

#include <errno.h>
#include <stdio.h>

#include "keeper.h"
#include "timer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/limits.h"

#define MESSAGES_PER_EVENT 64   /* a turn's share: what arrived together shares one commit */
#define PAUSE_QUEUED       1024 /* answers that wait; above it we read no further requests */
#define SLOW_QUEUED        64
#define PAUSE_MS           20

static void on_readable(evutil_socket_t fd, short what, void *arg); /* whole messages are taken, */
static void on_resume(evutil_socket_t fd, short what, void *arg);   /* unless the peer does not take its answers, */
static void on_patience(evutil_socket_t fd, short what, void *arg); /* or is gone and no other comes */

void peer_init(struct peer *peer, struct keeper *keeper, const char *name,
               void (*take)(struct keeper *keeper, struct message *message))
{
    peer->keeper = keeper;
    peer->name = name;
    peer->take = take;
    peer->channel.fd = -1;
}

void peer_disconnect(struct peer *peer)
{
    if (peer->readable != NULL)
        event_free(peer->readable);
    if (peer->resume != NULL)
        event_free(peer->resume);
    peer->readable = peer->resume = NULL;
    if (peer->is_connected)
        channel_done(&peer->channel);
    peer->is_connected = peer->is_lost = false;
    peer->epoch++;
}

void peer_done(struct peer *peer)
{
    peer_disconnect(peer);
    if (peer->patience != NULL)
        event_free(peer->patience);
    peer->patience = NULL;
}

int peer_connect(struct peer *peer, int fd, struct error *err)
{
    peer_disconnect(peer);
    struct event_base *base = peer->keeper->base;
    peer->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, peer);
    peer->resume = evtimer_new(base, on_resume, peer);
    int done = 0;
    if (peer->readable == NULL || peer->resume == NULL)
        done = fail(err, ENOMEM, "connect %s", peer->name);
    else
        done = channel_init(&peer->channel, base, fd, err);
    if (done == 0) {
        peer->is_connected = true;
        if (peer->patience != NULL)
            event_del(peer->patience);
        event_add(peer->readable, NULL);
        return 0;
    }
    peer_disconnect(peer);
    fd_close(&fd);
    return done;
}

void peer_expect(struct peer *peer)
{
    if (peer->patience == NULL)
        peer->patience = evtimer_new(peer->keeper->base, on_patience, peer);
    if (peer->patience == NULL) {
        log_error("there is no memory to wait for %s; ending, to be started anew", peer->name);
        keeper_stop(peer->keeper, 1);
        return;
    }
    timer_start(peer->patience, PEER_PATIENCE_MS);
}

void peer_lose(struct peer *peer, const char *why)
{
    if (!peer->is_connected || peer->is_lost)
        return;
    log_warn("%s is not listened to any more: %s; waiting for a new one", peer->name, why);
    peer->is_lost = true;
    turn_schedule(peer->keeper);
}

void peer_break(struct peer *peer, const char *why)
{
    if (!peer->is_connected || peer->is_lost)
        return;
    char cause[REFUSALS_REMARK_BYTES];
    snprintf(cause, sizeof cause, "%s: %s", peer->name, why);
    refusals_note(peer->keeper, &peer->keeper->faults, "", cause);
    peer_lose(peer, why);
}

bool peer_send(struct peer *peer, enum msg_type type, uint32_t request_id, const void *body, const int *fds,
               unsigned fd_count)
{
    struct error err = { 0 };
    if (!peer->is_connected || peer->is_lost)
        return false;
    int done = channel_send(&peer->channel, type, request_id, body, fds, fd_count, &err);
    if (done == 0)
        return true;
    if (done == -EINVAL || done == -EMSGSIZE)
        log_error("%s was not told something that does not fit its message (%s); this is a fault of ours", peer->name,
                  err.text);
    else if (done == -ENOBUFS) /* it does not read, and more than enough waits for it */
        peer_break(peer, err.text);
    else
        peer_lose(peer, err.text);
    return false;
}

bool peer_is_slow(const struct peer *peer)
{
    return peer->is_connected && peer->channel.queued > SLOW_QUEUED;
}

/* A request may have hundreds of answers. What waits for the turn's end will wait in the channel after it. */
static bool has_enough(const struct peer *peer)
{
    return peer->channel.queued + peer->keeper->turn.answers > PAUSE_QUEUED;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    struct error err = { 0 };
    struct message message;
    (void)fd;
    (void)what;

    if (peer->channel.queued > PAUSE_QUEUED) {
        event_del(peer->readable);
        timer_start(peer->resume, PAUSE_MS);
        return;
    }
    for (unsigned i = 0; i < MESSAGES_PER_EVENT && !peer->is_lost && !has_enough(peer); i++) {
        int got = channel_receive(&peer->channel, &message, &err);
        if (got == 0)
            return;
        if (got == -EBADMSG) {
            peer_break(peer, err.text);
            return;
        }
        if (got < 0) {
            peer_lose(peer, err.text);
            return;
        }
        peer->take(peer->keeper, &message);
        message_done(&message);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    (void)fd;
    (void)what;
    event_add(peer->readable, NULL); /* which looks again, and pauses again */
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    (void)fd;
    (void)what;
    log_error("no new %s came for %d s; ending, to be started anew and joined with it", peer->name,
              PEER_PATIENCE_MS / 1000);
    keeper_stop(peer->keeper, 1);
}
