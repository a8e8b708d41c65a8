/* The orderly stop: no new work, some time for what runs, then a stop for the rest; the queue stays as it is. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct keeper;

struct shutdown {
    bool is_on, has_stopped_jobs;
    struct event *timer;
};

int shutdown_init(struct keeper *keeper, struct error *err);
void shutdown_done(struct keeper *keeper);
void shutdown_begin(struct keeper *keeper, uint32_t grace_ms);

/* Ends the loop if we are stopping and nothing runs. Called at the end of a turn. */
void shutdown_check(struct keeper *keeper);
