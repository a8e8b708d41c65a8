/*
 * Whole messages over one end of a SEQPACKET socket pair, joined to the event loop.
 *
 * Sending never blocks: what the peer does not take now waits in a bounded queue; a full queue is the peer's fault, and
 * the channel reports -ENOBUFS. Receiving gives one message at a time, decoded and with its descriptors counted; a
 * frame that breaks any rule is -EBADMSG, and the peer is not to be believed any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/frame.h"

struct error;
struct event;
struct event_base;

struct channel {
    int fd;                 /* -1 when there is no peer */
    struct event *writable; /* pending while the queue holds anything */
    struct queued_frame *first, **last;
    unsigned queued;
    uint8_t frame[MESSAGE_MAX_BYTES];
};

/*
 * Takes over fd (non-blocking from here on). base may be NULL for a channel that only receives. channel_done() takes a
 * channel that was zeroed or done before; after it fd is -1.
 */
int channel_init(struct channel *channel, struct event_base *base, int fd, struct error *err);
void channel_done(struct channel *channel);

/*
 * Sends one message; descriptors stay the caller's. 0, also when it waits in the queue; -EPIPE when the peer is gone,
 * -ENOBUFS when its queue is full, -EINVAL or -EMSGSIZE when the message itself breaks its table.
 */
int channel_send(struct channel *channel, enum msg_type type, uint32_t request_id, const void *body, const int *fds,
                 unsigned fd_count, struct error *err);

/* 1 and a message; 0 when none is there now; -ECONNRESET at the peer's end; -EBADMSG for what breaks a rule. */
int channel_receive(struct channel *channel, struct message *ret_message, struct error *err);

/* The same before there is a loop: 0 and the next message, however long it takes. */
int channel_wait(struct channel *channel, struct message *ret_message, struct error *err);
