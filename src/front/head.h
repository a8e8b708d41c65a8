/*
 * What evhttp accepts in a head and should not: shapes that a proxy in front of us could read as another request. evhttp
 * gives no hook before the body, so this comes after it; a fault is answered and the connection closed, so that what
 * follows is never taken for a request.
 */
#pragma once

struct evhttp_request;

struct request_line {
    int major, minor;       /* of HTTP */
};

struct request_line head_line(struct evhttp_request *http);

/* NULL, or what is wrong as half a sentence. */
const char *head_fault(struct evhttp_request *http);
