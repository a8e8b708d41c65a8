/*
 * How many descriptors are left. Connections, and two for each stream, share one table; when it is full, descriptors that the
 * keeper hands over are lost on the way, and with them the trust in the line. So clients are turned away before.
 */
#pragma once

#include <stdbool.h>

struct front;

/* Raises the limit as far as is useful and remembers it. Before the lockdown. */
void descriptors_raise(struct front *front);

/* That many are free: connections are accepted only while a quarter of all is, streams while some are. */
bool descriptors_allow_connection(const struct front *front);
bool descriptors_allow_stream(const struct front *front);
