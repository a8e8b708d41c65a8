/*
 * Which path and method leads where: one table, matched exactly against the path, decoded once.
 */
#pragma once

#include <stdbool.h>

struct request;

struct route {
    unsigned methods;     /* of enum evhttp_cmd_type; GET includes HEAD */
    bool is_open;         /* no evidence needed */
    bool takes_any_query; /* what it means is somebody else's to say */
    const char *path;     /* path.h: path_matches() */
    void (*run)(struct request *request);
    const char *const *query_keys; /* all that its query may hold, closed by NULL; NULL: none */
    const char *bytes_key;         /* one of them, whose value may be any bytes */
};

void routes_dispatch(struct request *request);

/* The path of the request, for problem documents. */
const char *routes_instance(const struct request *request);
