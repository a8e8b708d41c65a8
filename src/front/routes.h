/*
 * Which path and method leads where: a table for each dialect, matched exactly against the path, decoded once.
 */
#pragma once

#include <stdbool.h>

struct dialect;
struct request;

/*
 * Hands the request to the row that fits, of its listener's dialect; on the API's listeners, of the API or else of a
 * predecessor that is mounted there (request->dialect).
 */
void routes_dispatch(struct request *request);

/* Whether a target leads to a row of this dialect, whatever its method, on a listener of its own. For requests that are not whole yet. */
bool routes_lead_to(const struct dialect *dialect, const char *target);

/*
 * The API has no function for this caller at a path below /r: a predecessor that is mounted there may have one. True: it is its
 * to answer, and the state of the route before is gone. False: nothing has changed.
 */
bool routes_go_on(struct request *request);

/* The path of the request, for problem documents. */
const char *routes_instance(const struct request *request);
