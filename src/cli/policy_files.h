/* Where `sallyport policy` finds profiles. */
#pragma once

struct error;
struct profile;

/*
 * A profile by its name, from where sallyportd takes its own; or, of what has a slash or ends in ".json", from that file.
 * profile_free() frees it.
 */
int policy_open(const char *name_or_file, struct profile **ret_profile, struct error *err);
