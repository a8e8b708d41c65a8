/* `commands.*.context`: what a command must have that gets its request as a file, and what it gets for that. */
#pragma once

struct command;
struct reading;

/* Behind parameters, variables and artefacts. */
void context_take(struct reading *reading, struct command *command);
