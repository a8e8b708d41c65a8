/*
 * A way to be spoken to: which paths there are, and what it looks like when something is wrong. The API is one, the listener
 * of metrics speaks a part of it, and each program that we take the place of has its own (compat/).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct path;
struct problem;
struct request;

struct route {
    unsigned methods;     /* of enum evhttp_cmd_type; GET includes HEAD */
    bool is_open;         /* no evidence needed */
    bool reads_query;     /* run() parses it itself, when the caller is known */
    bool takes_any_query; /* what its keys mean is somebody else's to say */
    const char *path;     /* path.h: path_matches() */
    void (*run)(struct request *request);
    const char *const *query_keys; /* all that its query may hold, closed by NULL; NULL: none */
    const char *bytes_key;         /* one of them, whose value may be any bytes */
};

struct dialect {
    const char *name; /* of a predecessor; "" for ours */
    const struct route *routes;
    size_t route_count;
    bool is_open;       /* who asks is not looked at, so that nobody is asked for evidence */
    bool ignores_query; /* what stands behind a '?' means nothing */
    bool has_functions; /* its paths below /r are looked into where the API has no function for this caller */
    bool has_no_head;   /* HEAD is a method like any other that does not fit */
    /*
     * Whether a request that a row fits is in this dialect, where others are mounted at the same path; it may look into the
     * body. NULL: it is.
     */
    bool (*is_meant)(const struct request *request);
    bool (*admits)(
        struct request *request); /* asked before a row runs; false: it was refused. NULL: all are admitted */
    /*
     * Says what is wrong in its own words, status and all; the problem stays the caller's. request->route is NULL when no
     * path fits, and of an unfit method, which is code "method-not-allowed". NULL: as a problem document.
     */
    void (*refuse)(struct request *request, const struct problem *problem);
};

extern const struct dialect api_dialect, metrics_dialect; /* routes.c */
