/*
 * The files below the state directory: output/xx/ID.log and .idx (xx: the last two characters of ID), stdin/ID.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"

struct error;

/* Makes the directories that are missing. */
int files_prepare(int state_fd, struct error *err);

/* For the keeper: both files, made when missing. */
int files_open_output(int state_fd, const struct job_id *id, int *ret_log_fd, int *ret_index_fd, struct error *err);

int files_make_output(int state_fd, const struct job_id *id, struct error *err);

/* For a reader: both read-only. -ENOENT when there are none. */
int files_open_reader(int state_fd, const struct job_id *id, int *ret_log_fd, int *ret_index_fd, struct error *err);

/* The same for a job that never wrote: two empty ones. */
int files_open_nothing(int state_fd, int *ret_log_fd, int *ret_index_fd, struct error *err);

/*
 * Copies a sealed memory file into stdin/ID. On the disk when `syncs`; a file that could not be finished is removed.
 */
int files_store_stdin(int state_fd, const struct job_id *id, int memfd, uint64_t size, bool syncs, struct error *err);
void files_remove_stdin(int state_fd, const struct job_id *id);

/* As a sealed memory file again, which is what the launcher takes. */
int files_load_stdin(int state_fd, const struct job_id *id, int *ret_memfd, struct error *err);

/* Removes what no job that `is_wanted` names left behind: stdin of submits that were never answered. */
void files_sweep_stdin(int state_fd, bool (*is_wanted)(void *arg, const struct job_id *id), void *arg);
