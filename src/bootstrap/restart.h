/* When a process that has died is started again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A process that had lived is started again at once. One that dies within QUICK_DEATH_MS of its start waits, each time
 * twice as long, and at the tenth such death in a row a restart will not mend it: by then half a minute has gone by.
 * Time and not the kind of death decides: a killed process may well be one that the kernel found too large.
 */
#define QUICK_DEATH_MS    1000
#define QUICK_DEATHS_MAX  10
#define RESTART_FIRST_MS  100
#define RESTART_PAUSE_MAX 5000 /* ms */

struct restart {
    uint64_t started_ms;
    uint64_t due_ms;       /* when to start it again; 0: nothing to do */
    unsigned quick_deaths; /* in a row */
};

void restart_started(struct restart *restart, uint64_t now_ms);

/* It has died, or could not be started. False when it died too often too quickly; it is due all the same. */
bool restart_plan(struct restart *restart, uint64_t now_ms);

/* How long until it is due, in ms; -1 when nothing is planned: as poll(2) wants it. */
int restart_wait_ms(const struct restart *restart, uint64_t now_ms);
