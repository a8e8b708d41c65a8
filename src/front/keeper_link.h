/*
 * The line to the keeper: a new one, what it says, and its end. An answer finds its question by number (keeper_ask.h).
 */
#pragma once

struct front;

/* Takes fd over; a keeper that was there before is dropped first. */
void keeper_attach(struct front *front, int fd);

/* Every open question is answered with 503; streams end. */
void keeper_lost(struct front *front, const char *why);
