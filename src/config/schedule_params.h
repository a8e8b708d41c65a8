/*
 * Parameters that the configuration says for a run of a command, judged by those who judge a caller's: what is wrong is told
 * now and not in the night. Of schedules, and of hooks, some of whose parameters come with a delivery.
 */
#pragma once

#include <jansson.h>

#include "sallyport/base/record.h"

struct command;
struct reading;

/*
 * Takes `params`, which may be NULL, for a run of this command. The walk stands at what `params` stands below. A value that is
 * a map is taken from elsewhere later: it is not missing, and not judged.
 *
 *   whose       for people: "a schedule"
 *   ret_room    owned by the caller, who frees it; what ret_entries points to
 */
void schedule_params_take(struct reading *reading, const struct command *command, const json_t *params,
                          const char *whose, uint8_t **ret_room, struct span *ret_entries);
