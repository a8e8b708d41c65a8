/* What each process of an instance must be: one table, and the comparison with what it is. No I/O. */
#pragma once

#include <stddef.h>

#include "instance.h"

/*
 * Tells of one difference, in a sentence. The text is gone when it returns.
 */
typedef void difference_teller(void *whose, const struct process *process, const char *sentence);

/* Calls `tell` for whatever of this process is not as it must be. Returns how many differences there were. */
unsigned confinement_check(const struct instance *instance, const struct process *process, difference_teller *tell,
                           void *whose);

/* What concerns all of them: that nobody is missing, and that no two have one id. */
unsigned confinement_check_all(const struct instance *instance, difference_teller *tell, void *whose);
