/* The parameters of a schedule, judged by those who judge a caller's: what is wrong is told now and not in the night. */
#pragma once

#include <jansson.h>

struct command;
struct config_schedule;
struct reading;

/* Takes `params`, which may be NULL, for a run of this command. The walk stands at the schedule. */
void schedule_params_take(struct reading *reading, const struct command *command, const json_t *params,
                          struct config_schedule *schedule);
