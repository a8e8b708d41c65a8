/*
 * When each caller was last known by what it showed, to the minute. Kept in memory and written by the tick: at most one write for a
 * caller and minute, however many its requests. A crash loses a second of it, and a full disk costs nobody an answer.
 */
#pragma once

#include <stdint.h>

struct caller;
struct error;
struct keeper;
struct rules;

/* who: of the keeper's rules. */
void last_uses_note(struct keeper *keeper, const struct caller *who);

/* What the old rules know, to the new ones that take their place. Writes nothing: a reload that withdraws a right waits for no disk. */
void last_uses_move(const struct rules *from, struct rules *to);

/* Part of this turn's commit: what the database does not say yet. */
void last_uses_write(struct keeper *keeper);

/* 0: never, as far as is known. -errno when the database cannot be read. */
int last_use_read(struct keeper *keeper, const struct caller *who, uint64_t *ret_unix_ms, struct error *err);
