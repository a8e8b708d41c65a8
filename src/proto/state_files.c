#include "sallyport/proto/state_files.h"

#include <stdio.h>
#include <string.h>

void state_files_name(const struct job_id *id, struct state_files *ret_files)
{
    char text[JOB_ID_TEXT_BYTES];
    job_id_text(id, text);
    const char *spread = text + strlen(text) - 2; /* the end is random; the beginning is the time */
    snprintf(ret_files->output_directory, STATE_FILE_NAME_BYTES, "output/%s", spread);
    snprintf(ret_files->log, STATE_FILE_NAME_BYTES, "output/%s/%s.log", spread, text);
    snprintf(ret_files->index, STATE_FILE_NAME_BYTES, "output/%s/%s.idx", spread, text);
    snprintf(ret_files->artifacts, STATE_FILE_NAME_BYTES, "output/%s/%s.art", spread, text);
    snprintf(ret_files->artifact_index, STATE_FILE_NAME_BYTES, "output/%s/%s.toc", spread, text);
    snprintf(ret_files->input, STATE_FILE_NAME_BYTES, "stdin/%s", text);
    snprintf(ret_files->uploads, STATE_FILE_NAME_BYTES, "files/%s", text);
}
