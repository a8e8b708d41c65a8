/*
 * The one function that moves a job from state to state, and what leads to an end. What entering a state requires of others
 * (an order to the launcher, a word to it that an end was recorded) is noted in `due` and done when the record is stored.
 */
#pragma once

#include "job_table.h"

/*
 * The only place that assigns a state. For an end, record.reason says which one it is and must be set. Returns false,
 * with nothing changed, when the table of job.h says that this may not happen.
 */
bool job_change(struct keeper *keeper, struct job *job, enum job_event event);

/*
 * The job has ended: takes the evidence, drains what is left in its pipes, and records the end when that is done. The
 * first evidence counts.
 */
void job_end(struct keeper *keeper, struct job *job, const struct msg_exited *exited);

/* An end that needs nothing of the launcher: rejected, cancelled while it waited, lost. */
void job_end_by_keeper(struct keeper *keeper, struct job *job, enum job_reason reason, const char *message);

/* The output is drained and closed: records the end. */
void job_output_done(struct keeper *keeper, struct job *job);

/* Asks the launcher to stop a job that has a slot, or ends one that has none. `stopped_by` is for the record. */
void job_stop(struct keeper *keeper, struct job *job, enum job_reason reason, const char *stopped_by, bool has_grace,
              uint32_t grace_ms);

/* After the commit: does what is due. May forget the job. */
void job_stored(struct keeper *keeper, struct job *job);
