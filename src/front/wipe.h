/* Takes bytes out of a buffer of libevent and overwrites them where they lie: what clients send may be a password or a secret. */
#pragma once

#include <stddef.h>

struct evbuffer;

/* The first `size` bytes. */
void wipe_drain(struct evbuffer *buffer, size_t size);
void wipe_all(struct evbuffer *buffer);
