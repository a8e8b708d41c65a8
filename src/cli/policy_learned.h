/*
 * What `sallyport policy learn` has heard of: each different call once, with how often it came; and what that means, as a table
 * and as JSON. No I/O. Calls are different when their name, their program or an argument differs that some profile looks at.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "policy_notify.h"

#define LEARNED_MAX    1000 /* different calls that are remembered */
#define PROFILES_KNOWN 4    /* those of profile_names */

struct learned {
    struct profile *base;                  /* under which the program runs */
    struct profile *known[PROFILES_KNOWN]; /* the shipped ones, as profile_names has them */
    size_t first_known;                    /* the first that can be enough: base itself, if it is shipped */
    struct learned_row *rows;              /* from here on our own */
    size_t count;
    unsigned long forgotten; /* calls beyond LEARNED_MAX */
};

/* Frees the profiles, too, as far as they are there. */
void learned_done(struct learned *learned);

/*
 * Takes a call, and says what becomes of it: what a profile may allow goes on; what none may gets what base answers, or EPERM where
 * base would kill, so that it is seen what the program does without; a call of another ABI ends its process, as everywhere.
 */
int learned_take(void *learned, const struct heard_call *heard);

/* The smallest of the shipped profiles that permits all that may be permitted; NULL if none does. */
const char *learned_smallest(const struct learned *learned);

/* How many of the different calls no profile may allow. */
size_t learned_never(const struct learned *learned);

void learned_print(const struct learned *learned, FILE *to, unsigned width, bool has_colour);
json_t *learned_json(const struct learned *learned);

/* base and what was learned, as a profile's text; freed by the caller (profile_learn()). */
int learned_write(const struct learned *learned, char **ret_text, struct error *err);
