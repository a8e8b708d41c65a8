/* What a job needs and this host lacks, against what the command's owner accepts to be missing. Pure. */
#pragma once

#include <stdint.h>

struct command;
struct setting_launcher;

/* Bits of enum degrade: the features that this command would have on a complete host and cannot have on this one. */
uint32_t degrade_needed(const struct setting_launcher *host, const struct command *command);

/* A sentence about the first feature of `missing` (not 0), with the remedy. */
void degrade_explain(const struct setting_launcher *host, const struct command *command, uint32_t missing, char *text,
                     uint32_t room);
