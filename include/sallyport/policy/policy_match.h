/*
 * Request + policy -> decision and reason. Both keeper and launcher ask here, each with its own copy of the policy; no
 * I/O, no state between calls but compiled patterns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/record.h"

struct command;
struct error;
struct policy;

/*
 * Compiles every pattern of the policy once (PCRE2 with match and depth limits, no JIT). -EINVAL names command,
 * parameter and position. Config calls it to check, keeper and launcher to prepare. Freed by matcher_free().
 */
struct matcher;
int matcher_new(const struct policy *policy, struct matcher **ret_matcher, struct error *err);
void matcher_free(struct matcher *matcher);

/*
 * Checks params (entries of enum entry_kind, proto/entries.h's format) for the command with this index.
 * Returns 0 when all is right. Otherwise -EINVAL, with one entry of ENTRY_ERROR for each fault in errors: pointer
 * "/params/NAME" (or "/params/NAME/3" for an item), a code (required, unknown, type, pattern, min, max, min_length,
 * max_length, enum, min_items, max_items, leading_dash, nul, utf8, duplicate, too_large) and a sentence. When errors
 * runs full the rest is left out.
 */
int matcher_check(const struct matcher *matcher, uint32_t command, struct span params, struct writer *errors, struct error *err);

/*
 * Expands the command's argv and environment for parameters that matcher_check() took: texts one after another, each with
 * its closing NUL. Defaults are filled in. Secrets go where the command delivers them and nowhere else. -E2BIG above
 * ARGV_MAX_BYTES together.
 *
 *   ret_argv, ret_env      written to argv and env; NAME=value for env, without the fixed variables of a job
 */
int matcher_expand(const struct matcher *matcher, uint32_t command, struct span params, struct writer *argv,
                   uint32_t *ret_argc, struct writer *env, uint32_t *ret_envc, struct error *err);

/* The same entries with every secret's value taken out (ENTRY_SECRET): what a record may keep. */
int matcher_redact(const struct matcher *matcher, uint32_t command, struct span params, struct writer *out, struct error *err);
