/* Parameters of a command: from draft to struct param, with their rules checked against each other. */
#pragma once

#include <stdbool.h>

struct reading;

#define PARAM_NAME_RULE "letters, digits, '_' and '-', the first a letter or '_', at most 63"

bool param_is_name(const char *name);

/* Entry of the table: begins a parameter of the command that is being read, and ends it. */
void *param_open(struct reading *reading, const char *name);
void param_close(struct reading *reading);
