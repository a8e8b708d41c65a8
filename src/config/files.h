/* Parameters that are files, checked when all of their command is known. */
#pragma once

#include <stdint.h>

struct command;
struct param;
struct reading;

/* The most bytes of a file by its `max`, where the walk stands on the parameter. 0: there is none, or a fault was told. */
uint64_t file_max_read(struct reading *reading, const char *text);

/* There, too: parts of a request that are no file have names. */
void file_name_check(struct reading *reading, const struct param *param);

void files_check(struct reading *reading, struct command *command);
