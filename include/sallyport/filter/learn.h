/*
 * What a program was seen to call, and the profile that would let it: a profile, and the calls that were missing there. What no
 * profile may allow stays out. Pure; whoever saw the calls is the CLI (`policy learn`).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct profile;

#define LEARN_ARGS 6

/* A call of this machine's own ABI. */
struct learned_call {
    uint32_t number;
    uint64_t args[LEARN_ARGS];
};

bool profile_permits(const struct profile *profile, const struct learned_call *call);

/* The errno that the call gets there; 0 if it is allowed or ends the process. */
int profile_errno(const struct profile *profile, const struct learned_call *call);

/* The arguments of this call that some rule of the profile looks at, as bits. */
uint32_t profile_looks_at(const struct profile *profile, uint32_t number);

/*
 * base, and what permits all the calls. If one of the `known` profiles, which are tried in their order, permits all of the
 * calls of one number, it has its rules for that number: they were thought about. Else the call is allowed with exactly the
 * values that were seen, of those arguments that some profile looks at, or altogether, where none looks at any.
 *
 *   calls     none of them below the hard floor (floor_reason(): -EPERM)
 *   ret_text  JSON that profile_parse() takes and profile_compile() compiles, and that permits each of the calls: all that was
 *             tried. Freed by the caller.
 */
int profile_learn(const struct profile *base, struct profile *const *known, size_t known_count,
                  const struct learned_call *calls, size_t call_count, char **ret_text, struct error *err);
