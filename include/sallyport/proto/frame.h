/*
 * One message as one frame on a SEQPACKET socket: the part of a channel that needs no event loop.
 *
 * A frame is: magic, type, length of the body, request number, all u32 and little-endian; then the body as its table says.
 * Descriptors ride in one SCM_RIGHTS beside it. SEQPACKET keeps frames apart, so a frame is whole or was cut by the
 * kernel (MSG_TRUNC), and then the peer broke the protocol.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sallyport/proto/messages.h"

struct error;

struct message {
    enum msg_type type;
    uint32_t request_id;      /* chosen by who asks; answers repeat it */
    union any_message body;   /* its spans point into the buffer of frame_receive() */
    int fds[MESSAGE_FDS_MAX]; /* owned by the receiver: take them, or message_done() closes them */
    unsigned fd_count;
};

/* Closes what was not taken. */
void message_done(struct message *message);

/* Writes the frame into room for MESSAGE_MAX_BYTES. -EINVAL or -EMSGSIZE when the message breaks its own table. */
int frame_encode(enum msg_type type, uint32_t request_id, const void *body, uint8_t *frame, size_t *ret_size,
                 struct error *err);

/* Sends without blocking: 0, or -errno of sendmsg(2); -EAGAIN when the peer's queue is full. */
int frame_send(int fd, const uint8_t *frame, size_t size, const int *fds, unsigned fd_count);

/* 1 and a message; 0 when none is there now; -ECONNRESET at the peer's end; -EBADMSG for what breaks a rule. */
int frame_receive(int fd, uint8_t buffer[MESSAGE_MAX_BYTES], struct message *ret_message, struct error *err);
