#include "wipe.h"

#include <string.h>

#include <event2/buffer.h>

void wipe_drain(struct evbuffer *buffer, size_t size)
{
    struct evbuffer_iovec piece;
    while (size > 0 && evbuffer_peek(buffer, -1, NULL, &piece, 1) > 0) {
        size_t wiped = piece.iov_len < size ? piece.iov_len : size;
        explicit_bzero(piece.iov_base, wiped);
        if (evbuffer_drain(buffer, wiped) < 0)
            return;
        size -= wiped;
    }
}

void wipe_all(struct evbuffer *buffer)
{
    wipe_drain(buffer, evbuffer_get_length(buffer));
}
