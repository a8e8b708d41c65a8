#include "sallyport/proto/frame.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define FRAME_MAGIC      0x31307073u /* "sp01" */
#define FRAME_HEAD_BYTES 16

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

int frame_encode(enum msg_type type, uint32_t request_id, const void *body, uint8_t *frame, size_t *ret_size,
                 struct error *err)
{
    assert(type > MSG_NONE && type < MSG_COUNT);
    struct writer out = { frame + FRAME_HEAD_BYTES, MESSAGE_MAX_BYTES - FRAME_HEAD_BYTES };
    int done = record_encode(&message_defs[type], body, &out, err);
    if (done < 0)
        return done;
    size_t size = MESSAGE_MAX_BYTES - out.left;
    put_u32(frame, FRAME_MAGIC);
    put_u32(frame + 4, type);
    put_u32(frame + 8, (uint32_t)(size - FRAME_HEAD_BYTES));
    put_u32(frame + 12, request_id);
    *ret_size = size;
    return 0;
}

int frame_send(int fd, const uint8_t *frame, size_t size, const int *fds, unsigned fd_count)
{
    union control control = { 0 };
    struct iovec part = { (uint8_t *)(uintptr_t)frame, size };
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

/* An empty frame reads like the end, and is none. */
static bool has_ended(int fd)
{
    struct pollfd peer = { .fd = fd, .events = POLLRDHUP };
    return poll(&peer, 1, 0) != 0;
}

int frame_receive(int fd, uint8_t buffer[MESSAGE_MAX_BYTES], struct message *ret_message, struct error *err)
{
    ret_message->fd_count = 0;
    union control control;
    struct iovec part = { buffer, MESSAGE_MAX_BYTES };
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t size;
    do
        size = recvmsg(fd, &head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size < 0)
        return fail(err, errno, "receive");
    if (size == 0 && has_ended(fd))
        return fail(err, ECONNRESET, "receive");

    int done = 0;
    if (!take_fds(&head, ret_message) || (head.msg_flags & MSG_TRUNC) != 0)
        done = fail_plain(err, EBADMSG, "a frame with too much in it");
    else
        done = frame_decode(buffer, (size_t)size, ret_message, err);
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
