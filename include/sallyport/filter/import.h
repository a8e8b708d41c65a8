/*
 * A container runtime's seccomp profile (OCI runtime specification, config-linux.md "Seccomp", with the includes, excludes and
 * archMap that container engines add) to a profile of ours. It is resolved for what a job is: this machine's architecture
 * alone, no capability. What our reader would refuse is left out, never bent until it fits; where something narrower fits,
 * that is taken. Each such decision is told.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;

/* Takes one sentence about what was left out or narrowed, and why. */
typedef void import_note(void *arg, const char *sentence);

/*
 * ret_text: the profile's JSON, which profile_parse() takes and profile_compile() compiles: both were tried. Freed by the
 * caller. -EINVAL for what is no such profile, or one that allows what it does not name.
 */
int profile_import(const uint8_t *data, size_t size, import_note *note, void *arg, char **ret_text, struct error *err);
