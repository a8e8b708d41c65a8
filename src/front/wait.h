/* Requests that wait for a job to change or end: GET /v1/jobs/{id}?wait=, and the answer to a submit. */
#pragma once

struct request;

/* Answers the submit of request->path.job_id with 202, or waits for the end first, as Prefer and the command say. */
void wait_new_job(struct request *request);

/* 202 with nothing but the name, for a job that was accepted and of which nothing more can be told. */
void answer_accepted(struct request *request);
