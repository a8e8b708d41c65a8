/* What callbacks are to be told: rows of the store, written in the commit of what they tell of. */
#pragma once

#include "sallyport/job/callback_event.h"
#include "sallyport/store/store.h"

struct error;
struct keeper;

/* One row. Its body is made here, so that every attempt sends the same. Needs an open transaction. */
int outbox_add(struct keeper *keeper, const struct job_record *record, enum callback_event event, const char *callback,
               struct error *err);
