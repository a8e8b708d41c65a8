/* The program of a command, as it is inside the finished root. */
#pragma once

#include <stdbool.h>

#include "sallyport/policy/policy.h"

struct program {
    struct identity identity, interpreter_identity;
    char interpreter[PATH_MAX_BYTES]; /* of a #! line; "" otherwise */
    char interpreter_argument[256];
    char unavailable[ERROR_TEXT_MAX_BYTES]; /* why it may not run; "" when it may */
};

/*
 * Looks at the path from inside the root. A program that can be changed by anybody but root is not run: it and every
 * directory above it must be root's (or, rootless, our own user's) and writable by nobody else.
 */
void program_identify(const char *path, bool is_rootless, struct program *ret_program);
