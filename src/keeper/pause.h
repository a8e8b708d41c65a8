/*
 * Commands whose jobs do not start, because somebody with the right said so. What runs goes on. The note is in the database
 * before it is in effect, and holds until it is taken back, over restarts and reloads.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "sallyport/store/queue_rules.h"

struct error;
struct keeper;
struct pause_state;

struct pause {
    LIST_ENTRY(pause) in_list;
    struct paused_command paused;
};

LIST_HEAD(pauses, pause);

/* Reads the notes, at the start. */
int pauses_load(struct keeper *keeper, struct error *err);
void pauses_done(struct keeper *keeper);

/* NULL when the command is not paused. */
const struct paused_command *pause_find(const struct keeper *keeper, const char *command);

/* The same for a message. */
void pause_tell(const struct keeper *keeper, const char *command, struct pause_state *ret_state);
