/*
 * A sequence under way. It is a job without slot and without output, and its state is what is recorded: its steps, and the
 * jobs that are its children. Nothing of it is kept in memory, so there is nothing to lose: whenever something may have
 * changed, what is due is found out from the records anew.
 *
 * All of it happens in the turn in which a child's end is stored, before the commit: the next step's record and the end of
 * the one before are one transaction. A commit that fails undoes both, and the pass is made again.
 */
#pragma once

#include <stdint.h>

#include "sallyport/job/job.h"

struct job;
struct keeper;

/* Something may be due: it has started, a child has ended, it is to stop. */
void sequence_due(struct keeper *keeper, struct job *job);

/* A child of it has ended, or was never made. */
void sequence_child_ended(struct keeper *keeper, const struct job *child);

/* From the queue to running: no slot, no launcher. */
void sequence_start(struct keeper *keeper, struct job *job);

/* No further step; those under way are cancelled, and the sequence ends when they have. */
void sequence_stop(struct keeper *keeper, struct job *job, const char *stopped_by);

/* Does all that is due. Part of the turn, before its commit. */
void sequences_advance(struct keeper *keeper);

/* Stops those whose time is over. Every second. */
void sequences_tick(struct keeper *keeper);
