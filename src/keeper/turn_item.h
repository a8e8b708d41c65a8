/* A message or a deed that waits for the commit. */
#pragma once

#include "turn.h"

struct turn_item {
    STAILQ_ENTRY(turn_item) in_turn;
    turn_effect *effect; /* NULL: a message */
    void *arg;
    struct peer *peer;
    unsigned epoch;
    enum msg_type type;
    uint32_t request_id;
    int fds[MESSAGE_FDS_MAX];
    unsigned fd_count;
    size_t body_bytes;
    _Alignas(max_align_t) uint8_t body[]; /* the struct, then the bytes that its spans point to */
};

/* A message, with a copy of all that it points to and duplicates of its descriptors. NULL when there is no room for it. */
struct turn_item *turn_item_new(enum msg_type type, const void *body, const int *fds, unsigned fd_count);
void turn_item_free(struct turn_item *item); /* wiped: a submit has credentials, and parameters that may be secrets */
