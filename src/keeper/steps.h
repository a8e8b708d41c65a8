/*
 * The steps of a sequence at its acceptance: those that the configuration lists, with the caller's values filled in, or
 * those that the caller put together. They are checked and stored whole, so no reload changes a sequence under way.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/record.h"

struct caller;
struct error;
struct job_id;
struct keeper;
struct submit;

/* How many there are. -EBADMSG for a list that is none. */
int steps_count(const struct submit *submit, struct error *err);

/*
 * Adds what is wrong with them to errors, all of it: commands that the caller may not run, values that do not fit, secrets,
 * which are not kept. -EBADMSG when the peer is at fault.
 */
int steps_check(struct keeper *keeper, const struct submit *submit, struct writer *errors, struct error *err);

/* The same for what this caller may not say in them. How many values that are; -EBADMSG when the peer is at fault. */
int steps_check_pins(struct keeper *keeper, const struct submit *submit, const struct caller *who,
                     struct writer *errors, struct error *err);

/* Part of the open transaction. */
int steps_store(struct keeper *keeper, const struct submit *submit, const struct job_id *parent, struct error *err);
