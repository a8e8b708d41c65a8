/*
 * Messages of the keeper as JSON of the API. Text that is not UTF-8 is made so; nothing here fails but for memory, and
 * then the answer is NULL.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/base/record.h"

struct msg_change;
struct msg_identity;
struct msg_schedule;
struct msg_step;
struct msg_job;
struct msg_verdict;
struct pause_state;

/* Every byte that is not UTF-8 becomes U+FFFD; NUL too. */
json_t *json_text(const char *text);
json_t *json_text_span(struct span text);

json_t *json_schedule(const struct msg_schedule *schedule);
json_t *json_step(const struct msg_step *step); /* of GET /v1/jobs/{id}/steps */
json_t *json_identity(const struct msg_identity *identity);

/* The job object (API "Job object"). */
json_t *json_job(const struct msg_job *job);

/* {id, url, state} */
json_t *json_job_minimal(const struct msg_job *job);

/* An item of GET /v1/queue; that a command is paused, or null; the verdict of a dry run. */
json_t *json_job_waiting(const struct msg_job *job);
json_t *json_pause(const struct pause_state *pause);
json_t *json_verdict(const struct msg_verdict *verdict);

/* What a stream tells at a change of state, and at the end. `type` is the record's: "state", "end". */
json_t *json_job_state(const struct msg_job *job, const char *type);
json_t *json_job_end(const struct msg_job *job, const char *type);

/* What the feed of events tells: the job as it was when it changed. */
json_t *json_job_change(const struct msg_change *change);

#define JOB_URL_BYTES  48
#define JOB_ETAG_BYTES 32
const char *job_url(const struct job_id *job_id, char url[JOB_URL_BYTES]);
const char *job_etag(const struct msg_job *job, char etag[JOB_ETAG_BYTES]);
