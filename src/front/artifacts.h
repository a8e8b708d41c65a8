/* One of the files that a job left behind, out of what the keeper handed over. */
#pragma once

#include <stdint.h>

struct error;
struct message;
struct output_log;

/*
 * 1 when there is a file of this name: then the log is its window, and has the descriptors. 0 when there is none; *ret_why says
 * why what had the name was not taken (enum artifact_why), ARTIFACT_WHY_NONE when nothing had it. -EBADMSG for a
 * stream or an index that nobody writes.
 */
int artifact_find(struct message *message, const char *name, struct output_log *ret_log, uint8_t *ret_why,
                  struct error *err);
