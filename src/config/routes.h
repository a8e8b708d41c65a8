/* Commands as functions: paths, methods, and what an exit code means. */
#pragma once

#include <stdbool.h>

struct command;
struct config;
struct config_route;
struct reading;

#define STATUS_NAME_RULE "an exit code from 0 to 255, or \"*\" for all others"
bool status_is_name(const char *name);

/* Of the command that has just been read. */
void route_take(struct reading *reading, const struct command *command);

/* That of the command, or NULL. */
const struct config_route *route_find(const struct config *config, const char *command);

/* When nothing moves any more: spans point into the model. */
void routes_finish(struct config *config);
void routes_free(struct config *config);
