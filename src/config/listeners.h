/* `server.listen` and its like: where the API, metrics and predecessors are served. */
#pragma once

#include <stdbool.h>

struct config_listener;
struct reading;

/* Fills the configuration's listeners from the draft. The walk stands at the top. */
void listeners_take(struct reading *reading);

/* Of TCP, and reached from this host alone. */
bool listener_is_loopback(const struct config_listener *listener);
