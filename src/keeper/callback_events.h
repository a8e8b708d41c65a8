/* Which callbacks are told of a job: `on`, with its threshold, its cool-down, and what a recovery is. */
#pragma once

#include "sallyport/job/callback_event.h"
#include "sallyport/store/store.h"

struct error;
struct keeper;

/* Part of the commit that stores the start or the end. What it remembers is stored with it, and undone with it. */
int callback_events_note(struct keeper *keeper, const struct job_record *record, enum callback_event event,
                         struct error *err);
