/*
 * The callback that a request names: it is told of the end of the one job that the request became, or joined. It waits in the
 * store from the job's acceptance to its end, and goes to the outbox in the commit of that end.
 */
#pragma once

#include "submit.h"

struct setting_callback;

/*
 * Whether a request may have this callback (NULL: none of that name) told at this URL, "" for the callback's own; looked at
 * again before each attempt, for rules change. ret_url is the URL in its one spelling, or "". False: `why` says what is
 * wrong, and does not repeat the URL, which with some receivers is all that it takes.
 */
bool request_callback_is_good(const struct setting_callback *callback, const char *url, char ret_url[URL_MAX_BYTES],
                              char why[REASON_MAX_BYTES]);

/* Part of the check of all values. */
void request_callback_check(struct keeper *keeper, const struct submit *submit, struct writer *errors);

/* Whether the job that a submit joins can have one more. Answers itself when not. */
bool request_callback_has_room(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id);

/* Parts of the commit that accepts the submit: as a new job, or as a part of one that was there and may have ended. */
int request_callback_store(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                           struct error *err);
int request_callback_join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                          struct error *err);

/* Part of the commit that stores the end. */
int request_callbacks_tell(struct keeper *keeper, const struct job_record *record, struct error *err);
