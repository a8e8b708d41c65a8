/* A job as the API shows it, in answers, streams and callbacks (API "Job object"). NULL when memory is short. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/base/job_id.h"

struct msg_job;

json_t *json_job(const struct msg_job *job);

/* {id, url, state} */
json_t *json_job_minimal(const struct msg_job *job);

/* {id, via, addr}; the text of enum evidence_kind. */
json_t *json_actor(const struct msg_job *job);
const char *actor_via_text(uint8_t via);

/* What it used, or null before its start; what its output is. */
json_t *json_job_usage(const struct msg_job *job);
json_t *json_job_output(const struct msg_job *job);
json_t *json_job_stdin(const struct msg_job *job); /* null unless it is a stream */

/* The members of an end; what does not apply is null. */
void json_set_end(json_t *end, const struct msg_job *job);

#define JOB_URL_BYTES  48
#define JOB_ETAG_BYTES 32
const char *job_url(const struct job_id *job_id, char url[JOB_URL_BYTES]);
const char *job_etag(const struct msg_job *job, char etag[JOB_ETAG_BYTES]);
