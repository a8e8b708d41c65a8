/*
 * evhttp on the sockets that were handed over: its limits, and the door through which every request comes in.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/limits.h"

/* The longest body that is read at all; a little too large still gets its answer from the route. */
#define HTTP_BODY_MAX_BYTES (2 * REQUEST_JSON_MAX_BYTES)

/* The same of multipart/form-data whose length is told beforehand; and of all such bodies together, which are memory. */
#define HTTP_UPLOAD_MAX_BYTES  ((uint64_t)UPLOADS_MAX_BYTES + STDIN_MAX_BYTES + HTTP_BODY_MAX_BYTES)
#define HTTP_UPLOADS_MAX_BYTES ((uint64_t)256 * 1024 * 1024)

/* Of all other bodies together, beyond the first bytes of each. */
#define HTTP_BODIES_MAX_BYTES ((uint64_t)32 * 1024 * 1024)

struct error;
struct evhttp_request;
struct evhttp_connection;
struct front;

/* Serves front->listeners. */
int http_open(struct front *front, struct error *err);
void http_close(struct front *front);

/* For the time of a stream: how much may be written at once, and that only a reader's standstill ends it. */
void http_connection_stream(struct evhttp_connection *connection);

/* Back to what holds between requests. */
void http_connection_restore(struct evhttp_connection *connection);

/* HTTP/1.0, which knows no chunks. */
bool http_is_old(struct evhttp_request *http);
