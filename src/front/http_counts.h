/*
 * How many requests were answered, how, and how fast. Labels are rows of the table of routes, methods that evhttp knows,
 * and statuses; never anything that a client made up.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/histogram.h"

struct evbuffer;

/* More than routes, methods and statuses make together; what would not fit is counted in a last row of its own. */
#define COUNTED_ANSWERS_MAX 1024

/* Rows of the table of routes, and one for what fits none; routes.c sees to it. */
#define COUNTED_ROUTES_MAX 128

struct counted_answer {
    const char *route, *method;
    unsigned status;
    uint64_t count;
};

struct counted_route {
    const char *route;
    struct histogram duration;
};

struct http_counts {
    struct counted_answer answers[COUNTED_ANSWERS_MAX];
    struct counted_route routes[COUNTED_ROUTES_MAX];
    unsigned answer_count, route_count;
    unsigned streams_open; /* answers that are being sent piece by piece */
};

/*
 * One answer, when its head goes out.
 *
 *   route   a text that stays; NULL: no row fits the request
 *   method  enum evhttp_cmd_type; 0: none that can be told
 */
void http_counts_add(struct http_counts *counts, const char *route, unsigned method, unsigned status, uint64_t took_us);

void http_counts_write(const struct http_counts *counts, struct evbuffer *text);
