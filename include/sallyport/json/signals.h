/* Names of signals, as the API spells them: "HUP", without SIG. */
#pragma once

/* 0 for a name that is not known. */
int signal_number(const char *name);

/* NULL for a number without a name. */
const char *signal_name(int number);
