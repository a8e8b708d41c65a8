#include <errno.h>
#include <poll.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/frame.h"

#define HAND_WAIT_MS 5000

int hand(int control, enum msg_type type, const void *body, int fd, struct error *err)
{
    static uint8_t frame[MESSAGE_MAX_BYTES];
    static const struct msg_empty empty = { 0 };
    size_t size;
    int done = frame_encode(type, 0, body != NULL ? body : &empty, frame, &size, err);
    if (done < 0)
        return done;
    uint64_t deadline_ms = clock_monotonic_ms() + HAND_WAIT_MS;
    for (;;) {
        done = frame_send(control, frame, size, &fd, fd >= 0 ? 1 : 0);
        if (done == 0)
            return 0;
        bool is_full = done == -EAGAIN || done == -ENOBUFS || done == -ETOOMANYREFS;
        uint64_t now_ms = clock_monotonic_ms();
        if (!is_full || now_ms >= deadline_ms)
            return fail(err, -done, "hand '%s' to a child", message_defs[type].name);
        /* ETOOMANYREFS: too many descriptors are under way, which poll() knows nothing of. */
        struct pollfd wait = { .fd = control, .events = done == -ETOOMANYREFS ? 0 : POLLOUT };
        poll(&wait, 1, done == -ETOOMANYREFS ? 1 : (int)(deadline_ms - now_ms));
    }
}
