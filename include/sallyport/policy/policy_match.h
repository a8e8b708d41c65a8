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

/* Where secrets without `deliver` are files: `{token}` expands to /run/secrets/token. */
#define SECRETS_PATH "/run/secrets"

/* And files: `{source}` expands to /run/files/source. */
#define FILES_PATH "/run/files"

/*
 * Compiles every pattern of the policy once (PCRE2 with match and depth limits, no JIT), and checks that templates fit the
 * parameters and defaults fit their rules. -EINVAL names command, parameter and position. Config calls it to check,
 * keeper and launcher to prepare. The matcher reads the policy, which must outlive it. Freed by matcher_free().
 */
struct matcher;
int matcher_new(const struct policy *policy, struct matcher **ret_matcher, struct error *err);
void matcher_free(struct matcher *matcher);

/*
 * Checks params (entries of enum entry_kind, proto/entries.h's format) for the command with this index.
 * Returns 0 when all is right. -EINVAL when the caller must mend something, with one entry of ENTRY_ERROR for each fault
 * in errors (may be NULL): pointer "/params/NAME" (or "/params/NAME/3" for an item), a code (required, unknown, type,
 * pattern, min, max, min_length, max_length, enum, min_items, max_items, leading_dash, nul, utf8, duplicate, too_large)
 * and a sentence. When errors runs full the rest is left out. No sentence repeats a value.
 * -EBADMSG when params are no such entries, -ENOENT for an index that is no command's: the peer is at fault.
 *
 * Types take: string, enum, secret ENTRY_STRING; int ENTRY_INTEGER in int64_t, "-0" and leading zeros refused; number
 * ENTRY_INTEGER or ENTRY_REAL, finite; bool ENTRY_BOOL; list ENTRY_LIST and its items; file ENTRY_FILE. A max_length of 0 means
 * PARAM_STRING_MAX_BYTES, a max_items of 0 LIST_ITEMS_MAX. A leading '-' is refused for strings (also as items of a list)
 * unless allows_dash; enum values are exempt (the owner listed them), and so are negative numbers (`min: 0` forbids
 * them). ENTRY_SECRET counts as missing: a record does not keep the value.
 */
int matcher_check(const struct matcher *matcher, uint32_t command, struct span params, struct writer *errors,
                  struct error *err);

/*
 * Expands the command's argv and environment for parameters that matcher_check() took: texts one after another, each with
 * its closing NUL. Defaults are filled in; an optional parameter with neither value nor default is the empty text, and an
 * absent list no element at all. A secret's placeholder is its file's path, or empty if the secret was not given. -E2BIG
 * above ARGV_MAX_BYTES together, or when a writer runs full; the writers have moved then.
 *
 *   ret_argv, ret_env      written to argv and env; NAME=value for env (the command's own, then secrets with `deliver:
 *                          env:NAME`), without the fixed variables of a job
 */
int matcher_expand(const struct matcher *matcher, uint32_t command, struct span params, struct writer *argv,
                   uint32_t *ret_argc, struct writer *env, uint32_t *ret_envc, struct error *err);

/*
 * Appends the secrets to deliver as files: entries of ENTRY_STRING with name and value, for struct plan's `secrets`.
 * Nothing for those that go into a variable. -EMSGSIZE when out runs full.
 */
int matcher_secrets(const struct matcher *matcher, uint32_t command, struct span params, struct writer *out,
                    struct error *err);

/*
 * Fills in a key of the command's queue rules for parameters that matcher_check() took: appends its text, which is empty for
 * a key without placeholders and text. -EMSGSIZE when out runs full.
 */
enum queue_key { QUEUE_KEY_CONCURRENCY, QUEUE_KEY_DEDUPE };
int matcher_queue_key(const struct matcher *matcher, uint32_t command, enum queue_key which, struct span params,
                      struct writer *out, struct error *err);

/* The same entries with every secret's value taken out (ENTRY_SECRET): what a record may keep. A parameter that the
 * command does not know becomes one too. */
int matcher_redact(const struct matcher *matcher, uint32_t command, struct span params, struct writer *out,
                   struct error *err);
