/* `predecessors`: which of the programs before us are taken the place of, where, and what their clients' words mean. */
#pragma once

#include <stdbool.h>

struct reading;

#define PREDECESSOR_RULE "gort, jobrunner, go-serverless, http-runner or go-tasky"
#define CALLED_RULE      "1 to 128 bytes of text without control characters"

bool predecessor_is_name(const char *name);
bool called_is_name(const char *name);

void *predecessor_open(struct reading *reading, const char *name);
void predecessor_close(struct reading *reading);

/* What needs all commands. */
void predecessors_check(struct reading *reading);
