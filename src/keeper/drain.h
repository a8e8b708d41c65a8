/*
 * A drained service: it takes no new jobs and starts none that wait; what runs goes on, and everything else is answered. For
 * maintenance, and asked for by a caller. It has nothing to do with the end of the process, which is shutdown.h.
 *
 * It is a mark in the database, with the number of this start of the service. So it outlives any death of ours, and ends
 * with the service: the keeper of the next start has another number and takes the mark away.
 */
#pragma once

#include <stdbool.h>

struct error;
struct keeper;

struct drain {
    bool is_on;
};

/* Once, when the database is open. */
int drain_load(struct keeper *keeper, struct error *err);
