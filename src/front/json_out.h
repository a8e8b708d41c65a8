/* Messages of the keeper as JSON of the API, beside the job object. NULL when memory is short. */
#pragma once

#include <jansson.h>

#include "sallyport/json/job.h"
#include "sallyport/json/values.h"

struct msg_change;
struct msg_identity;
struct msg_caller;
struct msg_schedule;
struct msg_step;
struct msg_job;
struct msg_verdict;
struct pause_state;

json_t *json_caller(const struct msg_caller *caller);
json_t *json_schedule(const struct msg_schedule *schedule);
json_t *json_step(const struct msg_step *step); /* of GET /v1/jobs/{id}/steps */
json_t *json_identity(const struct msg_identity *identity);

/* An item of GET /v1/queue; that a command is paused, or null; the verdict of a dry run. */
json_t *json_job_waiting(const struct msg_job *job);
json_t *json_pause(const struct pause_state *pause);
json_t *json_verdict(const struct msg_verdict *verdict);

/* What a stream tells at a change of state, and at the end. `type` is the record's: "state", "end". */
json_t *json_job_state(const struct msg_job *job, const char *type);
json_t *json_job_end(const struct msg_job *job, const char *type);

/* What the feed of events tells: the job as it was when it changed. */
json_t *json_job_change(const struct msg_change *change);
