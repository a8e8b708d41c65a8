/*
 * The other end of a channel: front or launcher. A peer that breaks the protocol, does not read, or is gone is marked as
 * lost at once and dropped at the end of the turn, so that nobody who is just walking over jobs or watches has the ground
 * moved from under them. The bootstrap sends a new one when one of the two was started again.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "sallyport/proto/channel.h"

struct error;
struct keeper;

struct peer {
    struct keeper *keeper;
    const char *name; /* for the log */
    struct channel channel;
    struct event *readable, *resume;
    struct event *patience; /* pending while a new one is waited for */
    unsigned epoch;         /* counts connections: what was meant for an old one is not sent to a new one */
    bool is_connected, is_lost;
    void (*take)(struct keeper *keeper, struct message *message);
};

void peer_init(struct peer *peer, struct keeper *keeper, const char *name,
               void (*take)(struct keeper *keeper, struct message *message));
void peer_done(struct peer *peer);

/* Takes over fd. The old connection, if any, is closed first. */
int peer_connect(struct peer *peer, int fd, struct error *err);
void peer_disconnect(struct peer *peer);

/*
 * Waits for a new one, but not for ever: when nobody died, but one of us let the other go, the bootstrap knows of nothing. Then
 * the keeper ends, and is joined anew when it is back.
 */
void peer_expect(struct peer *peer);

/* Logs why and marks the peer as lost; what it sent is not looked at any more. */
void peer_lose(struct peer *peer, const char *why);

/* The same for a peer that did what none of ours does: the audit trail says so, too. */
void peer_break(struct peer *peer, const char *why);

/* Sends now. A peer that cannot take it is lost. Returns whether it was taken. */
bool peer_send(struct peer *peer, enum msg_type type, uint32_t request_id, const void *body, const int *fds,
               unsigned fd_count);

/* Whether so much waits for the peer that what can be told later should be. */
bool peer_is_slow(const struct peer *peer);
