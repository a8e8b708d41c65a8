#include "http_counts.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <event2/http.h>

#include "exposition.h"

#define OTHER "other" /* no route is called so: they start with '/' */

#define MS 1000ull
#define S  (1000 * MS)
static histogram_bounds_us bounds_us = {
    1 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S, 15 * S, 60 * S,
};

static const char *method_text(unsigned method)
{
    static const struct {
        unsigned method;
        const char *text;
    } methods[] = {
        { EVHTTP_REQ_GET, "GET" },     { EVHTTP_REQ_HEAD, "HEAD" },       { EVHTTP_REQ_POST, "POST" },
        { EVHTTP_REQ_PUT, "PUT" },     { EVHTTP_REQ_DELETE, "DELETE" },   { EVHTTP_REQ_PATCH, "PATCH" },
        { EVHTTP_REQ_TRACE, "TRACE" }, { EVHTTP_REQ_OPTIONS, "OPTIONS" },
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (methods[i].method == method)
            return methods[i].text;
    return OTHER;
}

static struct counted_answer *answer_row(struct http_counts *counts, const char *route, const char *method,
                                         unsigned status)
{
    for (unsigned i = 0; i < counts->answer_count; i++) {
        struct counted_answer *row = &counts->answers[i];
        if (row->status == status && strcmp(row->route, route) == 0 && strcmp(row->method, method) == 0)
            return row;
    }
    if (counts->answer_count == COUNTED_ANSWERS_MAX)
        return &counts->answers[COUNTED_ANSWERS_MAX - 1];
    struct counted_answer *fresh = &counts->answers[counts->answer_count++];
    bool is_last = counts->answer_count == COUNTED_ANSWERS_MAX;
    *fresh = (struct counted_answer){ is_last ? OTHER : route, is_last ? OTHER : method, is_last ? 0 : status, 0 };
    return fresh;
}

static struct counted_route *route_row(struct http_counts *counts, const char *route)
{
    for (unsigned i = 0; i < counts->route_count; i++)
        if (strcmp(counts->routes[i].route, route) == 0)
            return &counts->routes[i];
    assert(counts->route_count < COUNTED_ROUTES_MAX);
    struct counted_route *fresh = &counts->routes[counts->route_count++];
    fresh->route = route;
    return fresh;
}

void http_counts_add(struct http_counts *counts, const char *route, unsigned method, unsigned status, uint64_t took_us)
{
    const char *name = route != NULL ? route : OTHER;
    answer_row(counts, name, method_text(method), status)->count++;
    histogram_add(&route_row(counts, name)->duration, bounds_us, took_us);
}

static void write_answers(const struct http_counts *counts, struct evbuffer *text)
{
    static const char name[] = "sallyport_http_requests_total";
    exposition_family(text, name, "counter", "Requests that were answered, by row of the table of routes.");
    for (unsigned i = 0; i < counts->answer_count; i++) {
        char code[12];
        snprintf(code, sizeof code, "%u", counts->answers[i].status);
        exposition_number(
            text, name,
            LABELS({ "route", counts->answers[i].route }, { "method", counts->answers[i].method }, { "code", code }),
            counts->answers[i].count);
    }
}

static void write_durations(const struct http_counts *counts, struct evbuffer *text)
{
    static const char name[] = "sallyport_http_request_duration_seconds";
    exposition_family(text, name, "histogram", "Time from a whole request to its answer; of a stream, to its head.");
    for (unsigned i = 0; i < counts->route_count; i++)
        exposition_histogram(text, name, LABELS({ "route", counts->routes[i].route }), bounds_us,
                             &counts->routes[i].duration);
}

void http_counts_write(const struct http_counts *counts, struct evbuffer *text)
{
    write_answers(counts, text);
    write_durations(counts, text);
    exposition_family(text, "sallyport_streams_open", "gauge", "Answers that are being sent piece by piece.");
    exposition_number(text, "sallyport_streams_open", NULL, counts->streams_open);
}
