/* Programs of ours that a subcommand needs, wherever this one was put. */
#pragma once

#include "sallyport/limits.h"

struct error;

/* Beside us, as built; or where an installation has it. -ENOENT with a sentence when it is nowhere. */
int programs_find(const char *name, char path[PATH_MAX_BYTES], struct error *err);
