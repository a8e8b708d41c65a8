/* The orders given to the launcher. Each is a no-op, said by its result, when there is no launcher to hear it. */
#pragma once

#include <stdbool.h>

#include "sallyport/base/job_id.h"
#include "sallyport/job/job.h"

struct job;
struct keeper;

/* False when it was not sent; the job must go back to the queue. */
bool ask_launch(struct keeper *keeper, struct job *job);
void ask_stop(struct keeper *keeper, struct job *job, enum job_reason reason);
void ask_signal(struct keeper *keeper, struct job *job, unsigned signal);
void ask_stdin_end(struct keeper *keeper, const struct job_id *id); /* of a stream: the launcher's ends go */
void ask_exited_seen(struct keeper *keeper, const struct job_id *id);
