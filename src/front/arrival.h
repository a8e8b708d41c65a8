/*
 * A request as it arrives: from bytes in whatever pieces to a whole one in one form, which is a head that tells the length of
 * its body, and the body. How the client told it, by a length or in chunks, is gone then. No I/O.
 */
#pragma once

#include "wire.h"

struct evbuffer;

struct arrival {
    struct wire_head head;
    struct evbuffer *pending; /* not yet looked at; a body with a length gathers here */
    struct evbuffer *text;    /* the head, without the lines about the body */
    struct evbuffer *data;    /* what the chunks held */
    struct wire_scan scan;
    struct wire_chunks chunks;
    bool is_whole; /* the text has the empty line at its end */
};

/* -ENOMEM: nothing is held. */
int arrival_init(struct arrival *arrival);
void arrival_done(struct arrival *arrival);

/* Forgets the request, and what came behind it. */
void arrival_drop(struct arrival *arrival);

/*
 * Whether `from` is one whole request that may go on as it is: most are. Only when nothing is pending. arrival->head says what was
 * found then. False: nothing is known, and the bytes are to be added.
 */
bool arrival_is_whole(struct arrival *arrival, struct evbuffer *from);

/* Takes the bytes out of `from`. -ENOMEM. */
int arrival_add(struct arrival *arrival, struct evbuffer *from);

/* 1: it is whole, and arrival->head says what was found; 0: more must come; -1: see *ret_fault. */
int arrival_read_head(struct arrival *arrival, enum wire_fault *ret_fault);

/* The same of the body behind it, of body_max bytes at most when its length was not told. */
int arrival_read_body(struct arrival *arrival, uint64_t body_max, enum wire_fault *ret_fault);

/* What there is of the body. */
uint64_t arrival_body_size(const struct arrival *arrival);

/* Adds the whole request to `to`; what came behind it stays, for the next. -ENOMEM: both are torn. */
int arrival_hand_over(struct arrival *arrival, struct evbuffer *to);
