/*
 * The files of a job's output below the state directory (proto/state_files.h).
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/job_id.h"

struct error;

/* Makes what is missing. */
int output_files_prepare(int state_fd, struct error *err);

/* Whether any job has ever had output here. */
bool output_files_were_made(int state_fd);

/* For the keeper: both files, made when missing. */
int output_files_open(int state_fd, const struct job_id *id, int *ret_log_fd, int *ret_index_fd, struct error *err);
int output_files_make(int state_fd, const struct job_id *id, struct error *err);

/* Whether the job has a log. */
bool output_files_are_there(int state_fd, const struct job_id *id);

/* For a reader: both read-only. -ENOENT when there are none, -EBADMSG when there is a log without an index. */
int output_files_read(int state_fd, const struct job_id *id, int *ret_log_fd, int *ret_index_fd, struct error *err);

/* The same for artefacts, in the directory that the output has made: their stream, and its index. */
int artifact_files_open(int state_fd, const struct job_id *id, int *ret_fd, int *ret_index_fd, struct error *err);
bool artifact_files_are_there(int state_fd, const struct job_id *id);
int artifact_files_read(int state_fd, const struct job_id *id, int *ret_fd, int *ret_index_fd, struct error *err);

/*
 * Unlinks all of them; who reads them reads on. What is not there is no fault. The log goes first: an index without a log
 * is nothing, and a log without an index would be damage.
 */
int output_files_remove(int state_fd, const struct job_id *id, struct error *err);

/* The files of a job that never wrote: two empty ones. */
int output_files_read_nothing(int state_fd, int *ret_log_fd, int *ret_index_fd, struct error *err);
