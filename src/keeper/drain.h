/* The orderly stop: no new work, some time for what runs, then a stop for the rest; the queue stays as it is. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct keeper;

struct drain {
    bool is_on, has_stopped_jobs;
    struct event *timer;
};

int drain_init(struct keeper *keeper, struct error *err);
void drain_done(struct keeper *keeper);
void drain_begin(struct keeper *keeper, uint32_t grace_ms);

/* Ends the loop if we are draining and nothing runs. Called at the end of a turn. */
void drain_check(struct keeper *keeper);
