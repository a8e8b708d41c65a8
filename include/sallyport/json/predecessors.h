/*
 * Jobs as clients of predecessors know them, where more than one process shows them: an answer of the front, and a callback
 * that the keeper has sent.
 */
#pragma once

#include <jansson.h>

#include "sallyport/base/job_id.h"
#include "sallyport/limits.h"

struct msg_job;

#define LABEL_CALLED      "called"
#define LABEL_PREDECESSOR "predecessor"

/* What the label says that its client called the job's command; the command's own name for a job that came otherwise. */
void predecessor_called(const struct msg_job *job, char called[CALLED_MAX_BYTES]);

/* Its ids have 40 digits, ours 32. */
#define HTTP_RUNNER_ID_TAIL  "00000000"
#define HTTP_RUNNER_ID_BYTES (2 * JOB_ID_BYTES + sizeof HTTP_RUNNER_ID_TAIL)

json_t *http_runner_id(const struct job_id *id);

/* A job of http-runner: both texts of its output between these, and then the members of this object without its first brace. */
#define HTTP_RUNNER_BEFORE_STDERR "{\"stderr\":\""
#define HTTP_RUNNER_BEFORE_STDOUT "\",\"stdout\":\""
#define HTTP_RUNNER_BEHIND_STDOUT "\","
json_t *http_runner_members(const struct msg_job *job);
