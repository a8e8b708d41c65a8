/* Values of the configuration whose notation is ours alone. False for what is none; then the result is worth nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate_draft;

/* "10/1h": two numbers with a slash between them; the second is a duration. */
bool quantity_rate(const char *text, struct rate_draft *ret_rate);

/* "0.5": a whole number, and up to three digits more behind a point. */
bool quantity_thousandths(const char *text, uint64_t *ret_thousandths);
