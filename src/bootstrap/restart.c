#include "restart.h"

void restart_started(struct restart *restart, uint64_t now_ms)
{
    restart->started_ms = now_ms;
    restart->due_ms = 0;
}

bool restart_plan(struct restart *restart, uint64_t now_ms)
{
    if (now_ms - restart->started_ms >= QUICK_DEATH_MS) {
        restart->quick_deaths = 0;
        restart->due_ms = now_ms;
        return true;
    }
    uint64_t pause_ms = RESTART_FIRST_MS;
    for (unsigned i = 0; i < restart->quick_deaths && pause_ms < RESTART_PAUSE_MAX; i++)
        pause_ms *= 2;
    if (pause_ms > RESTART_PAUSE_MAX)
        pause_ms = RESTART_PAUSE_MAX;
    if (restart->quick_deaths < QUICK_DEATHS_MAX)
        restart->quick_deaths++;
    restart->due_ms = now_ms + pause_ms;
    return restart->quick_deaths < QUICK_DEATHS_MAX;
}

int restart_wait_ms(const struct restart *restart, uint64_t now_ms)
{
    if (restart->due_ms == 0)
        return -1;
    return restart->due_ms > now_ms ? (int)(restart->due_ms - now_ms) : 0;
}
