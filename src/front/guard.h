/*
 * The guard of one connection: it stands in the input of evhttp's bufferevent and lets through only what wire.h finds right,
 * one request at a time. A head reaches evhttp whole or not at all; what is wrong becomes a request for a page of our own,
 * "/.refused/N", so that the answer takes the way of all answers; the guard lets no client ask for that.
 *
 * It also knows how long a client may take for a head and a body, whatever its activity, and when the connection ends.
 */
#pragma once

#include "wire.h"

struct bufferevent;
struct dialect;
struct evbuffer;
struct evhttp_request;
struct front;
struct guard;
struct request;

#define GUARD_BUCKETS 1024

struct guards {
    struct guard *latest; /* to let a request through, which evhttp most often looks at next; NULL when it is gone */
    struct guard *buckets[GUARD_BUCKETS];
};

/* For a bufferevent that evhttp is about to get for a new connection. -ENOMEM: it must not be used. `spoken`: the listener's. */
int guard_new(struct front *front, const struct dialect *spoken, struct bufferevent *bev);

/*
 * How many requests are on their way whose heads were whole before that of this one, and whose bodies are not: of those that
 * `is_meant` finds right by what is spoken there and the head's text. A walk over all connections.
 */
typedef bool guard_judge(const struct dialect *spoken, struct evbuffer *head);
unsigned guard_count_coming(const struct guard *guard, guard_judge *is_meant);

/* The guard's request from here on, until it is answered or the connection ends, which request_connection_closed() tells.
 * NULL when memory is short. */
struct guard *guard_attach(struct request *request);
void guard_detach(struct guard *guard);

/* The fault that stands behind a request of the guard's own; WIRE_FINE for a client's. */
enum wire_fault guard_fault(struct evhttp_request *http);

/* The bytes of a large body are gone: others may have the room. */
void guard_forget_body(struct guard *guard);

/* The client does not mean to use the connection again. */
bool guard_closes(const struct guard *guard);
