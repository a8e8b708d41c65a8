/*
 * Chains: what the configuration has follow a job's end, `then`, `on_failure` and `always`. They are submitted in the commit
 * that stores the end, so that a crash between cannot lose one.
 */
#pragma once

#include <stdbool.h>

struct keeper;

/* For every job whose end this turn stores. Returns whether there was any. */
bool chains_follow(struct keeper *keeper);
