/* The words of server-sent events (HTML Living Standard, section 9.2). */
#pragma once

#include <stddef.h>

#include <jansson.h>

struct evbuffer;

/* The first that a client hears: how long it waits before it comes back. */
void sse_add_hint(struct evbuffer *chunk);

/* One event; its data has no line end in it. id: NULL for none. */
void sse_add(struct evbuffer *chunk, const char *event, const char *id, const char *data, size_t size);

/* The same; json is taken over. */
void sse_add_json(struct evbuffer *chunk, const char *event, const char *id, json_t *json);

/* A comment that keeps the connection alive. id: moves the client's place without an event; NULL for none. */
void sse_add_ping(struct evbuffer *chunk, const char *id);
