/*
 * Where the files of one job lie in the keeper's directory. The keeper writes them; a backup copies them.
 */
#pragma once

#include "sallyport/base/job_id.h"

#define STATE_FILE_DATABASE   "jobs.db"
#define STATE_FILE_NAME_BYTES 64

struct state_files {
    char output_directory[STATE_FILE_NAME_BYTES]; /* output/xx, xx being the last two characters of the job's id */
    char log[STATE_FILE_NAME_BYTES], index[STATE_FILE_NAME_BYTES];                /* in it (output_log.h) */
    char artifacts[STATE_FILE_NAME_BYTES], artifact_index[STATE_FILE_NAME_BYTES]; /* the same (artifact_index.h) */
    char input[STATE_FILE_NAME_BYTES];   /* the standard input of a job that has not ended */
    char uploads[STATE_FILE_NAME_BYTES]; /* and its files, as one bundle */
};

void state_files_name(const struct job_id *id, struct state_files *ret_files);
