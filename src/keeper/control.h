/*
 * What the bootstrap says on descriptor 3 while we serve: new rules and how a reload ended, new peers, and the word to stop. Its end is our end.
 */
#pragma once

#include "sallyport/proto/frame.h"

struct error;
struct keeper;

/* From here on the control channel is an event of the keeper's loop. */
int control_serve(struct keeper *keeper, int fd, struct error *err);
void control_done(struct keeper *keeper);

/* One message of the serving phase. */
void control_take(struct keeper *keeper, struct message *message);
