/* `commands.*.context`: what a command must have that gets its request as a file, and what it gets for that. */
#pragma once

#include <stdbool.h>

struct command;
struct reading;

/* Variables that are the launcher's to set where there is a context. */
bool context_is_variable(const char *name);

/* Behind parameters, variables and artefacts. */
void context_take(struct reading *reading, struct command *command);
