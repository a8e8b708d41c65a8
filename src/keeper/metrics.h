/*
 * What the keeper counts for GET /metrics, since its own start. A job is counted when its start, or its end, is stored: once,
 * whatever is tried again. Text is the front's business; here are numbers only.
 *
 * Labels are names of the configuration. A command that a reload took away keeps its row; how many rows there can be is
 * METRICS_COMMANDS_MAX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/metrics.h"

struct error;
struct job;
struct keeper;

struct metrics {
    struct metric_command *commands; /* those with anything to tell, as they came */
    uint32_t command_count, command_room;
    struct metric_command other; /* what came when there were METRICS_COMMANDS_MAX */
    uint64_t output_bytes;
    uint64_t auth_failures[AUTH_FAILURE_COUNT];
    bool has_reload_succeeded;
    uint64_t reload_succeeded_unix_ms;
};

int metrics_init(struct keeper *keeper, struct error *err);
void metrics_done(struct keeper *keeper);

/* The job's record is on the disk as it is in memory; has_ended: for the first time as an end. */
void metrics_note_stored(struct keeper *keeper, struct job *job, bool has_ended);

void metrics_note_auth_failure(struct keeper *keeper, enum auth_failure failure);

/* How a reload of the configuration went, whoever found out. */
void metrics_note_reload(struct keeper *keeper, bool has_succeeded);

/* All of it as a sealed file of metric records, owned by the caller. */
int metrics_write(const struct keeper *keeper, int *ret_fd, struct error *err);
