/* The supervisor of one slot. */
#pragma once

#include <stdbool.h>

/* Serves until its socket ends. Returns an exit status. `is_bare`: test builds only, without filter and scope. */
int supervise_run(bool is_bare);
