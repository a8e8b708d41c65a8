/*
 * Jobs that do not wait for ever: `concurrency.max_wait`, counted from acceptance. By wall time, which is what a record has, so
 * that a restart is a part of the wait.
 */
#pragma once

#include <stdint.h>

#include "ranking.h"

struct error;
struct event;
struct job;
struct keeper;

struct overdue {
    struct ranking jobs; /* by the end of their wait */
    struct event *timer;
};

int overdue_init(struct keeper *keeper, struct error *err);
void overdue_done(struct keeper *keeper);

/* 0: for ever. */
void overdue_set(struct keeper *keeper, struct job *job, uint64_t max_wait_ms);
void overdue_forget(struct keeper *keeper, struct job *job);

/* Ends those whose wait is over. The timer does it in time, and a tick when the clock was set meanwhile. */
void overdue_end(struct keeper *keeper);
