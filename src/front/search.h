/*
 * GET /v1/jobs/{id}/output?search=: lines of a job's output as NDJSON. The search goes on in slices between the turns of the
 * loop, and only while the client takes what was found.
 */
#pragma once

struct request;
struct search_options;

#define SEARCH_COUNT_MAX 4 /* at once; whoever comes then is told to come again */

/* Answers with what is found in the output of request->path.job_id. */
void search_open(struct request *request, const struct search_options *options);
