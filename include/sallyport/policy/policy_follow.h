/*
 * Steps and chains: from what the configuration passes on, and what a job was given, to the parameters of the next one. No
 * I/O. What comes out is judged by matcher_check() like any caller's.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/record.h"

struct command;
struct error;
struct follow;
struct policy;

/* What `{job.id}` and its kin stand for. */
struct job_facts {
    const char *id, *state, *reason;
    uint32_t exit_code;
};

/*
 * Appends the parameters for the target of `follow`, entries as a request has them, to out. Which kind of value each is, is
 * the target parameter's type; the text is never looked at.
 *
 *   from    the command whose follow it is
 *   params  what its job was given: entries that matcher_check() took, secrets taken out or not
 *   facts   of that job; NULL for a step
 *
 * -EINVAL when a value is missing or fits no kind, -EMSGSIZE when out runs full.
 */
int follow_expand(const struct policy *policy, const struct command *from, const struct follow *follow,
                  struct span params, const struct job_facts *facts, struct writer *out, struct error *err);

/* The kind of entry (enum entry_kind) that a value of this type (enum param_type) is written as. */
uint8_t param_entry_kind(uint32_t type);

/*
 * Whether everything that commands have run is there and takes what is passed to it, and nothing goes round in a circle.
 * 0, -EINVAL, or -ELOOP naming the circle. Part of policy_read(); config asks before, to name places.
 */
int policy_check_follows(const struct policy *policy, struct error *err);
