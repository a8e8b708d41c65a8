/*
 * What the bootstrap hands over on descriptor 3: first, before we are locked down, everything up to MSG_BEGIN; later new
 * rules, new peers, and the word to stop.
 */
#pragma once

#include <stdbool.h>

#include "rules.h"
#include "sallyport/proto/frame.h"

struct error;
struct keeper;

struct handover {
    struct msg_become become;
    bool has_become, has_begun;
    int state_fd, doorbell_fd, front_fd, launcher_fd;
    struct rules rules;
};

/* Blocks until MSG_BEGIN. -EPROTO for what is out of order or missing. */
int control_take_handover(int fd, struct handover *ret_handover, struct error *err);
void handover_done(struct handover *handover);

/* From here on the control channel is an event of the keeper's loop; its end is our end. */
int control_serve(struct keeper *keeper, int fd, struct error *err);
void control_done(struct keeper *keeper);

/* One message of the serving phase. */
void control_take(struct keeper *keeper, struct message *message);
