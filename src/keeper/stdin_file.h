/*
 * What a job that has not ended was given beside its parameters, which is part of its record: standard input (stdin/ID below
 * the state directory) and uploads as one bundle (files/ID).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"

struct error;

enum input_kind { INPUT_STDIN, INPUT_FILES, INPUT_COUNT };

int stdin_files_prepare(int state_fd, struct error *err);

/* A new one, empty; copies.h fills it. */
int stdin_file_make(int state_fd, enum input_kind kind, const struct job_id *id, int *ret_fd, struct error *err);

/* The names of all of this kind that were made are on the disk. */
int stdin_files_sync(int state_fd, enum input_kind kind, struct error *err);

/* All that this job was given. */
void stdin_file_remove(int state_fd, const struct job_id *id);

/*
 * Of a stream: for more, at `at`, where what counts ends; what is behind goes. Made if it is not there. What lies before `at` is not
 * touched: pages of it may be on their way to the job.
 */
int stdin_file_extend(int state_fd, const struct job_id *id, uint64_t at, int *ret_fd, struct error *err);

/* For reading. */
int stdin_file_open(int state_fd, enum input_kind kind, const struct job_id *id, int *ret_fd, uint64_t *ret_bytes,
                    struct error *err);

/* Removes what no job that `is_wanted` names left behind: of submits that were never answered. */
void stdin_files_sweep(int state_fd, bool (*is_wanted)(void *arg, const struct job_id *id), void *arg);
