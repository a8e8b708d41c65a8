/* What the notifier gives up before it reads the first byte of a stranger. */
#pragma once

struct error;
struct msg_become;

int notifier_lock_down(const struct msg_become *become, struct error *err);
