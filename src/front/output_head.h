/* The beginning of a job's output, for answers that carry it inside a JSON object. */
#pragma once

#include <jansson.h>

struct request;

/*
 * Asks for the output of request->path.job_id and calls `done` with {"d": text} or {"b64": text} of its first 16 KiB, or with
 * NULL if it cannot be had. The head is done's to free.
 */
typedef void (*output_head_done)(struct request *request, json_t *head);
void output_head_read(struct request *request, output_head_done done);
