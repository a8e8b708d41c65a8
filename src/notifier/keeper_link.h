/* The line to the keeper: a new one, its orders, what it is told, and its end. */
#pragma once

struct error;
struct msg_delivered;
struct notifier;

/* Takes fd over; a keeper that was there before is dropped first. */
void keeper_attach(struct notifier *notifier, int fd);

/* From now on a keeper is waited for, for PEER_PATIENCE_MS. */
int keeper_expect(struct notifier *notifier, struct error *err);

/*
 * Tells how an attempt went. A keeper that cannot be told is lost: whoever calls holds no attempt, for all of them end.
 */
void keeper_tell(struct notifier *notifier, const struct msg_delivered *delivered);

/* At the end of all: the line, and what is under way. */
void keeper_done(struct notifier *notifier);
