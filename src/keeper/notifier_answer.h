/* What the notifier says. It is distrusted: only a delivery that was ordered, and not answered before, can be answered. */
#pragma once

struct keeper;
struct message;

void notifier_take(struct keeper *keeper, struct message *message);
