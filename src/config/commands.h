/* Commands: from draft to struct command, with everything that its keys mean together. */
#pragma once

#include "sallyport/job/retention.h"

struct limits_draft;
struct policy;
struct reading;

#define NAME_RULE "lower-case letters, digits and '-', starting with a letter, at most 63"

/* Entry of the table: begins a command, and ends it. */
void *command_open(struct reading *reading, const char *name);
void command_close(struct reading *reading);

/* The four keys below `retention`. */
struct retention retention_of(const struct limits_draft *limits);

/* The command whose name is nearest to a misspelt one, or NULL when none is near. */
const char *command_nearest(const struct policy *policy, const char *name);

/* The command that `command` below the walk's place names. NULL and a fault when there is none; all commands have been read. */
const struct command *command_wanted(struct reading *reading, const char *name);
