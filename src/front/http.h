/*
 * evhttp on the sockets that were handed over: its limits, and the door through which every request comes in.
 */
#pragma once

#include <stdbool.h>

struct error;
struct evhttp_request;
struct front;
struct request;

/* Makes front->http and serves front->unbound_listeners. */
int http_open(struct front *front, struct error *err);
void http_close(struct front *front);

/* For the time of a stream: how much may be written at once, and that only a reader's standstill or flood ends it. */
void http_connection_stream(struct request *request);

/* Back to what holds between requests. */
void http_connection_restore(struct request *request);

/* HTTP/1.0, which knows no chunks. */
bool http_is_old(struct evhttp_request *http);
