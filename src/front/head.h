/*
 * What evhttp accepts in a head and should not: shapes that a proxy in front of us could read as another request. evhttp
 * gives no hook before the body, so this comes after it; a fault is answered and the connection closed, so that what
 * follows is never taken for a request.
 */
#pragma once

struct evhttp_request;

struct request_line {
    int major, minor; /* of HTTP */
};

struct request_line head_line(struct evhttp_request *http);

/* evhttp answers in the version that it was asked in, whatever that is; 1.1 for all but 1.0. */
void head_mend_line(struct evhttp_request *http);

/* NULL, or what is wrong as half a sentence. */
const char *head_fault(struct evhttp_request *http);
