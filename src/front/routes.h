/*
 * Which path and method leads where: a table for each dialect, matched exactly against the path, decoded once.
 */
#pragma once

#include <stdbool.h>

struct request;

/*
 * Hands the request to the row that fits, of its listener's dialect; on the API's listeners, of the API or else of a
 * predecessor that is mounted there (request->dialect).
 */
void routes_dispatch(struct request *request);

/*
 * The API has no function for this caller at a path below /r: a predecessor that is mounted there may have one. True: it is its
 * to answer, and the state of the route before is gone. False: nothing has changed.
 */
bool routes_go_on(struct request *request);

/* The path of the request, for problem documents. */
const char *routes_instance(const struct request *request);
