/* Functions of go-serverless and the routes to them, in the order in which they were made. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"

struct error;
struct store;

/* A function; or a route, and the function that it leads to. */
struct stored_function {
    uint64_t number; /* of the function or route; given by the database */
    struct job_id id;
    char image[CALLED_MAX_BYTES];
    struct span variables;  /* entries; of what was read it lasts until the next call */
    struct job_id route_id; /* all zero: it is a function */
    char path[FUNCTION_PATH_BYTES];
};

/* Writes need an open transaction. -EEXIST for an id or a path that is taken. */
int store_function_add(struct store *store, const struct stored_function *function, struct error *err);
int store_function_remove(struct store *store, const struct job_id *id, struct error *err);
int store_function_route_add(struct store *store, const struct stored_function *route, struct error *err);
int store_function_route_remove(struct store *store, const struct job_id *route_id, struct error *err);

/* Those with numbers above `after`. False ends the walk. -EBADMSG for a row that no keeper wrote. */
typedef bool store_function_visit(void *arg, const struct stored_function *function);
int store_functions_list(struct store *store, uint64_t after, uint32_t limit, store_function_visit *visit, void *arg,
                         struct error *err);
int store_function_routes_list(struct store *store, uint64_t after, uint32_t limit, store_function_visit *visit,
                               void *arg, struct error *err);

/* 1 when found, 0 when there is none. */
int store_function_read(struct store *store, const struct job_id *id, struct stored_function *ret_function,
                        struct error *err);
int store_function_route_read(struct store *store, const struct job_id *route_id, struct stored_function *ret_route,
                              struct error *err);
int store_function_route_at(struct store *store, const char *path, struct stored_function *ret_route,
                            struct error *err);

/* How many there are of both, how many routes lead to this function, and the bytes of variables in a list of each. */
struct function_counts {
    uint64_t functions, routes, routes_to;
    uint64_t functions_bytes, routes_bytes;
};
int store_functions_count(struct store *store, const struct job_id *id, struct function_counts *ret_counts,
                          struct error *err);
