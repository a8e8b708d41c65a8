/* What header fields say about a submit, in its request and in its answer: of jobs and of functions. */
#pragma once

#include <stdbool.h>

struct msg_submit;
struct msg_submitted;
struct request;

/* The Idempotency-Key, if there is one. False: refused, the request is gone. */
bool submit_take_key(struct request *request, struct msg_submit *submit);

/* There is a job, whatever goes wrong from here on: which, and whether it is one that was there. */
void submit_tell_job(struct request *request, const struct msg_submitted *submitted);
