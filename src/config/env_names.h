/* Which variables a command may set, and which of them a caller may have a say in. */
#pragma once

#include <stdbool.h>

#define ENV_NAME_RULE "letters, digits and '_', not starting with a digit, at most 63"

bool env_is_name(const char *name);

/* Set by sallyport itself: no command may. */
bool env_is_ours(const char *name);

/*
 * Loaders, shells, interpreters and well-known programs do what these say: a value from a caller would choose the code
 * that runs, so it must be the owner's alone.
 */
bool env_is_obeyed(const char *name);
