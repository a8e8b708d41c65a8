/*
 * The attacks of the escape tests that may be tried on a host that somebody needs: each was judged by what becomes of that host
 * where it works. What changes the host then (settings, mounts, terminals, other processes, a full disk) is not here, and the
 * probe that is installed refuses to do it.
 *
 * The escape tests' corpus says the same of each row, at greater length; a test compares the two.
 */
#pragma once

#include <stddef.h>

struct harmless_attack {
    const char *id;    /* of the threat list and the escape tests */
    const char *title; /* what is tried */
    const char *words; /* the probe's arguments behind the id, blank-separated; {names} are the caller's to fill in */
    const char
        *refusals; /* errno names, and policy_violation for a death by SIGSYS: any other answer refuses nothing */
    const char *stopped_by;
    const char *at_worst;    /* what becomes of the host where it works */
    const char *given_up_by; /* what of `degrade:` takes away what stops it; or NULL */
};

extern const struct harmless_attack harmless_attacks[];
extern const size_t harmless_attack_count;

/* NULL unless it is one. */
const struct harmless_attack *harmless_attack_find(const char *id);
