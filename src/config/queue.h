/* Who waits for whom: from drafts to the rules of a command's queue, and to what callers may have. */
#pragma once

#include "sallyport/job/quota.h"

struct command;
struct quota_draft;
struct reading;

/* Of the command that is being read, whose parameters are all there. */
void queue_rules_take(struct reading *reading, struct command *command);

struct quota quota_of(const struct quota_draft *draft);
