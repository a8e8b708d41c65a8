#include "sallyport/proto/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

struct queued_frame {
    struct queued_frame *next;
    int fds[MESSAGE_FDS_MAX];
    unsigned fd_count;
    size_t size;
    uint8_t data[];
};

static void queued_free(struct queued_frame *frame)
{
    for (unsigned i = 0; i < frame->fd_count; i++)
        fd_close(&frame->fds[i]);
    explicit_bzero(frame->data, frame->size); /* secrets may be in it */
    free(frame);
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
    assert(fd_count >= message_fds[type].least && fd_count <= message_fds[type].most);
    if (channel->fd < 0)
        return fail(err, EPIPE, "send %s", message_defs[type].name);

    uint8_t frame[MESSAGE_MAX_BYTES];
    size_t size;
    int done = frame_encode(type, request_id, body, frame, &size, err);
    if (done < 0)
        return done;
    done = channel->first != NULL ? -EAGAIN : frame_send(channel->fd, frame, size, fds, fd_count);
    if (done == -EAGAIN || done == -ENOBUFS || done == -ETOOMANYREFS)
        done = channel_queue(channel, frame, size, fds, fd_count, err);
    else if (done < 0)
        done = fail(err, -done, "send %s", message_defs[type].name);
    explicit_bzero(frame, size); /* a password, a cookie, a token or a secret parameter may be in it */
    return done;
}

int channel_receive(struct channel *channel, struct message *ret_message, struct error *err)
{
    ret_message->fd_count = 0;
    if (channel->fd < 0)
        return fail(err, ECONNRESET, "receive");
    return frame_receive(channel->fd, channel->frame, ret_message, err);
}

int channel_wait(struct channel *channel, struct message *ret_message, struct error *err)
{
    for (;;) {
        int got = channel_receive(channel, ret_message, err);
        if (got != 0)
            return got < 0 ? got : 0;
        struct pollfd waiting = { .fd = channel->fd, .events = POLLIN };
        if (poll(&waiting, 1, -1) < 0 && errno != EINTR)
            return fail(err, errno, "wait for a message");
    }
}
