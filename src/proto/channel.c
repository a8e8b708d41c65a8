/*
 * A frame is: magic, type, length of the body, request number, all u32 and little-endian; then the body as its table says.
 * Descriptors ride in one SCM_RIGHTS beside it. SEQPACKET keeps frames apart, so a frame is whole or was cut by the
 * kernel (MSG_TRUNC), and then the peer broke the protocol.
 */
#include "sallyport/proto/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define FRAME_MAGIC      0x31307073u        /* "sp01" */
#define FRAME_HEAD_BYTES 16

struct queued_frame {
    struct queued_frame *next;
    int fds[MESSAGE_FDS_MAX];
    unsigned fd_count;
    size_t size;
    uint8_t data[];
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
};

static void put_u32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void queued_free(struct queued_frame *frame)
{
    for (unsigned i = 0; i < frame->fd_count; i++)
        fd_close(&frame->fds[i]);
    free(frame);
}

/* 0, or -errno of sendmsg(2). */
static int frame_send(int fd, const uint8_t *data, size_t size, const int *fds, unsigned fd_count)
{
    union control control = { 0 };
    struct iovec part = { (uint8_t *)(uintptr_t)data, size };
    struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd_count > 0) {
        head.msg_control = control.bytes;
        head.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    for (;;) {
        if (sendmsg(fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel = arg;
    (void)what;
    while (channel->first != NULL) {
        struct queued_frame *frame = channel->first;
        int done = frame_send(fd, frame->data, frame->size, frame->fds, frame->fd_count);
        if (done == -EAGAIN || done == -ENOBUFS || done == -ETOOMANYREFS)
            return;
        /* Any other failure is the peer's end, which reading reports; what waited for it is gone. */
        channel->first = frame->next;
        if (channel->first == NULL)
            channel->last = &channel->first;
        channel->queued--;
        queued_free(frame);
    }
    event_del(channel->writable);
}

int channel_init(struct channel *channel, struct event_base *base, int fd, struct error *err)
{
    *channel = (struct channel){ .fd = -1 };
    channel->last = &channel->first;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return fail(err, errno, "set channel to non-blocking");
    if (base != NULL) {
        channel->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, channel);
        if (channel->writable == NULL)
            return fail(err, ENOMEM, "make channel");
    }
    channel->fd = fd;
    return 0;
}

void channel_done(struct channel *channel)
{
    if (channel->writable != NULL)
        event_free(channel->writable);
    channel->writable = NULL;
    while (channel->first != NULL) {
        struct queued_frame *frame = channel->first;
        channel->first = frame->next;
        queued_free(frame);
    }
    channel->last = &channel->first;
    channel->queued = 0;
    if (channel->fd > 0)
        fd_close(&channel->fd);
    channel->fd = -1;
}

static int channel_queue(struct channel *channel, const uint8_t *data, size_t size, const int *fds, unsigned fd_count,
                         struct error *err)
{
    if (channel->queued >= CHANNEL_QUEUE_MAX || channel->writable == NULL)
        return fail_plain(err, ENOBUFS, "the peer does not read: %u messages wait for it", channel->queued);
    struct queued_frame *frame = malloc(sizeof *frame + size);
    if (frame == NULL)
        return fail(err, ENOMEM, "queue a message");
    *frame = (struct queued_frame){ .size = size };
    memcpy(frame->data, data, size);
    for (unsigned i = 0; i < fd_count; i++) {
        frame->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (frame->fds[i] < 0) {
            int code = errno;
            queued_free(frame);
            return fail(err, code, "keep a descriptor for the peer");
        }
        frame->fd_count++;
    }
    *channel->last = frame;
    channel->last = &frame->next;
    channel->queued++;
    if (channel->queued == 1)
        event_add(channel->writable, NULL);
    return 0;
}

int channel_send(struct channel *channel, enum msg_type type, uint32_t request_id, const void *body, const int *fds,
                 unsigned fd_count, struct error *err)
{
    assert(type > MSG_NONE && type < MSG_COUNT);
    assert(fd_count >= message_fds[type].least && fd_count <= message_fds[type].most);
    if (channel->fd < 0)
        return fail(err, EPIPE, "send %s", message_defs[type].name);

    uint8_t frame[MESSAGE_MAX_BYTES];
    struct writer out = { frame + FRAME_HEAD_BYTES, sizeof frame - FRAME_HEAD_BYTES };
    int done = record_encode(&message_defs[type], body, &out, err);
    if (done < 0)
        return done;
    size_t size = sizeof frame - out.left;
    put_u32(frame, FRAME_MAGIC);
    put_u32(frame + 4, type);
    put_u32(frame + 8, (uint32_t)(size - FRAME_HEAD_BYTES));
    put_u32(frame + 12, request_id);

    if (channel->first != NULL)
        return channel_queue(channel, frame, size, fds, fd_count, err);
    done = frame_send(channel->fd, frame, size, fds, fd_count);
    if (done == -EAGAIN || done == -ENOBUFS || done == -ETOOMANYREFS)
        return channel_queue(channel, frame, size, fds, fd_count, err);
    if (done < 0)
        return fail(err, -done, "send %s", message_defs[type].name);
    return 0;
}

/* Takes the descriptors out of the control part; false if it holds anything else or was cut. */
static bool take_fds(struct msghdr *head, struct message *message)
{
    bool is_clean = (head->msg_flags & MSG_CTRUNC) == 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(head); part != NULL; part = CMSG_NXTHDR(head, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            is_clean = false;
            continue;
        }
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            if (message->fd_count < MESSAGE_FDS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else {
                fd_close(&fd);
                is_clean = false;
            }
        }
    }
    return is_clean;
}

static int frame_decode(const uint8_t *frame, size_t size, struct message *message, struct error *err)
{
    if (size < FRAME_HEAD_BYTES || get_u32(frame) != FRAME_MAGIC)
        return fail_plain(err, EBADMSG, "a frame that is not ours");
    uint32_t type = get_u32(frame + 4);
    if (type == MSG_NONE || type >= MSG_COUNT)
        return fail_plain(err, EBADMSG, "a message of unknown type %u", type);
    if (get_u32(frame + 8) != size - FRAME_HEAD_BYTES)
        return fail_plain(err, EBADMSG, "%s: wrong length", message_defs[type].name);
    if (message->fd_count < message_fds[type].least || message->fd_count > message_fds[type].most)
        return fail_plain(err, EBADMSG, "%s: %u descriptors", message_defs[type].name, message->fd_count);
    message->type = (enum msg_type)type;
    message->request_id = get_u32(frame + 12);
    struct reader in = { frame + FRAME_HEAD_BYTES, size - FRAME_HEAD_BYTES };
    return record_decode(&message_defs[type], &in, &message->body, err);
}

int channel_receive(struct channel *channel, struct message *ret_message, struct error *err)
{
    ret_message->fd_count = 0;
    if (channel->fd < 0)
        return fail(err, ECONNRESET, "receive");
    union control control;
    struct iovec part = { channel->frame, sizeof channel->frame };
    struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    ssize_t size;
    do
        size = recvmsg(channel->fd, &head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size < 0)
        return fail(err, errno, "receive");
    if (size == 0)
        return fail(err, ECONNRESET, "receive");

    int done = 0;
    if (!take_fds(&head, ret_message) || (head.msg_flags & MSG_TRUNC) != 0)
        done = fail_plain(err, EBADMSG, "a frame with too much in it");
    else
        done = frame_decode(channel->frame, (size_t)size, ret_message, err);
    if (done < 0) {
        message_done(ret_message);
        return done;
    }
    return 1;
}

void message_done(struct message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        fd_close(&message->fds[i]);
    message->fd_count = 0;
}
