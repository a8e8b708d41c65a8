/* The lines of a job's output that hold a text, page after page: what `logs --search` prints. */
#pragma once

#include <stdbool.h>

struct cli;

/*
 * Prints each line to stdout, as the job wrote it; with -o ndjson the server's record of it. Returns the exit code: 0, or
 * CODE_NOT_FOUND when no line has the text, or CODE_TROUBLE after it has said why.
 */
#define CODE_NOT_FOUND 1
int search_job(struct cli *cli, const char *id, const char *text, bool ignores_case);
