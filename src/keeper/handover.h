/*
 * What the bootstrap hands over on descriptor 3 before we are locked down: who to be, where the records are, what may run
 * and who may do what, and the first peers. Ends with MSG_BEGIN.
 */
#pragma once

#include <stdbool.h>

#include "rules.h"
#include "sallyport/proto/frame.h"

struct error;

struct handover {
    struct msg_become become;
    bool has_become, has_begun;
    int state_fd, doorbell_fd, front_fd, launcher_fd, notifier_fd;
    struct rules rules;
};

/* Blocks until MSG_BEGIN. -EPROTO for what is out of order or missing. */
int handover_receive(int fd, struct handover *ret_handover, struct error *err);
void handover_done(struct handover *handover);
