/*
 * Which path and method leads where: a table for each dialect, matched exactly against the path, decoded once.
 */
#pragma once

struct request;

/*
 * Hands the request to the row that fits, of its listener's dialect; on the API's listeners, of the API or else of a
 * predecessor that is mounted there (request->dialect).
 */
void routes_dispatch(struct request *request);

/* The path of the request, for problem documents. */
const char *routes_instance(const struct request *request);
