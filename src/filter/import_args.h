/* The conditions of a runtime's rules as ours. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile.h"

#define IMPORT_RULES_MAX                                                                                               \
    PROFILE_ARGS /* an entry that compares an argument twice means "or", and becomes several rules */
#define NARROWED_MAX 16

/*
 * The rules that an entry's args mean, with verdict and comparisons alone. False with the reason when they cannot be said;
 * true with ret_why NULL, or with what was rewritten.
 */
bool import_args(const json_t *args, uint32_t verdict, struct rule rules[IMPORT_RULES_MAX], size_t *ret_count,
                 const char **ret_why);

/*
 * For a rule that allows a call which a profile may allow only under conditions, and has none: the rules with them. 0 for all
 * others.
 */
size_t import_narrow(const struct rule *rule, struct rule narrow[NARROWED_MAX]);
const char *import_narrowing_words(const char *call);
