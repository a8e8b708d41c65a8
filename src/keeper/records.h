/* What may be wrong with the records as a whole, and what the operator can do about it. */
#pragma once

#include <stdbool.h>

struct error;

/* The exit status for what another start would find again (EX_CONFIG): the bootstrap ends with it, and starts nothing. */
#define EXIT_RECORDS 78

/* Whether an error of the records stays until somebody mends its cause. */
bool records_are_hopeless(int code);

/* What to do about it, for the end of a log line: begins with "; " or is empty. */
const char *records_advice(int code);

/*
 * Refuses to begin anew where jobs have left output: a database that is missing or empty is then no first start but a
 * loss, and a new one would hide it.
 */
int records_check(int state_fd, struct error *err);
