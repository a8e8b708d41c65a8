/* The supervisor of one slot. */
#pragma once

/* Serves until its socket ends. Returns an exit status. */
int supervise_run(void);
