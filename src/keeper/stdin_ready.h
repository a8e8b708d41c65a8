/* Stored standard input and files become sealed memory files again, which is what the launcher takes, before their job starts. */
#pragma once

#include <stdbool.h>

struct job;
struct keeper;

/*
 * Whether the job may start for its input. False: some is being read, piece by piece, or could not be; the turn
 * that follows asks again.
 */
bool stdin_is_ready(struct keeper *keeper, struct job *job);

/* Gives back what stdin_is_ready() made. */
void stdin_forget(struct keeper *keeper, struct job *job);
