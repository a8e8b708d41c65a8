/* A profile as the JSON that filter_json.c reads. */
#pragma once

#include "profile.h"

/* With a comment at its top. NULL when memory is short; freed by the caller. */
char *profile_write(const struct profile *profile, const char *comment);
