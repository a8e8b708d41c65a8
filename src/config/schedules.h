/* Schedules: commands that run by the clock, from draft to what the keeper gets. */
#pragma once

struct reading;

/* Entry of the table: begins a schedule, and ends it. All commands have been read. */
void *schedule_open(struct reading *reading, const char *name);
void schedule_close(struct reading *reading);
