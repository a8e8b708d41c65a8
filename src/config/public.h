/* What everybody who may see a command is told about it: the object of GET /v1/commands/{name}. */
#pragma once

struct command;
struct config_route;

/*
 * JSON text, freed by the caller; NULL when memory is short. In the API's conventions: durations in seconds, sizes in
 * bytes; `params_schema` is JSON Schema 2020-12. Nothing of the host is in it: no paths, no accounts, no environment.
 * route: NULL for what is no function.
 */
char *public_text(const struct command *command, int mode, const struct config_route *route);
