/*
 * Seccomp profiles: JSON to model to program. Used by the bootstrap and the CLI only; a launcher gets finished bytes.
 *
 * A profile is a file of policies/: the OCI runtime's `linux.seccomp` JSON, read strictly (filter_json.c says what is
 * refused and why). Only equality and masked equality reach libseccomp: its other comparisons can produce programs
 * weaker than their rules (libseccomp 2.5.4).
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "sallyport/limits.h"

struct error;
struct profile;

/*
 * Reads NAME.json from the directory (an open descriptor), or a profile from memory. -EINVAL for what the strict reader
 * refuses, -EPERM for a rule below the hard floor, -E2BIG above 512 rules, -EFBIG above 256 KiB; the text names entry and
 * reason. Freed by profile_free(), which takes NULL.
 */
int profile_load(int directory_fd, const char *name, struct profile **ret_profile, struct error *err);
int profile_parse(const char *name, const uint8_t *data, size_t size, struct profile **ret_profile, struct error *err);
void profile_free(struct profile *profile);

/*
 * The program as struct sock_filter[]; freed by the caller. At most FILTER_INSTRUCTIONS_MAX instructions (-EFBIG). Before it
 * is handed out an interpreter of our own compares it with the profile, call by call (src/filter/verify.h): -EBADMSG if
 * they differ anywhere, which would be a fault of libseccomp or of ours.
 */
int profile_compile(const struct profile *profile, uint8_t **ret_program, uint32_t *ret_bytes, struct error *err);

/*
 * The filter that a slot supervisor takes and every job inherits: what any of the profiles allows, and what setting a cell
 * up needs; all else is ENOSYS and never a kill, because the strictest verdict of all loaded filters wins.
 */
int profile_compile_supervisor(struct profile *const *profiles, uint32_t count, uint8_t **ret_program,
                               uint32_t *ret_bytes, struct error *err);

/* The names of the built-in profiles: strict, base, net, build. NULL-terminated. */
extern const char *const profile_names[];
