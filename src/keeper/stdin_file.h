/*
 * Standard input of a job that has not ended, which is part of its record: stdin/ID below the state directory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"

struct error;

int stdin_files_prepare(int state_fd, struct error *err);

/* Copies a sealed memory file. On the disk when `syncs`; a file that could not be finished is removed. */
int stdin_file_store(int state_fd, const struct job_id *id, int memfd, uint64_t size, bool syncs, struct error *err);
void stdin_file_remove(int state_fd, const struct job_id *id);

/* As a sealed memory file again, which is what the launcher takes. */
int stdin_file_load(int state_fd, const struct job_id *id, int *ret_memfd, struct error *err);

/* Removes what no job that `is_wanted` names left behind: of submits that were never answered. */
void stdin_files_sweep(int state_fd, bool (*is_wanted)(void *arg, const struct job_id *id), void *arg);
