/*
 * What the launcher says: who it is, and what became of our orders. It is believed about the jobs it was given, and about
 * nothing else; what does not fit is a broken protocol.
 */
#pragma once

#include <stdbool.h>

struct keeper;
struct message;

void launcher_take(struct keeper *keeper, struct message *message);

/* Whether orders can be given: it has said hello and named all the jobs it holds. */
bool launcher_is_up(const struct keeper *keeper);
void launcher_is_gone(struct keeper *keeper);
