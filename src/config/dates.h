/* Points in time as the configuration writes them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * "2027-01-31" is the last moment of that day, UTC; "2027-01-31T18:00:00Z" or "...+01:00" (RFC 3339, seconds, a fraction
 * is not taken) that second. False for what is no time, or before 1970.
 */
bool date_unix_ms(const char *text, uint64_t *ret_unix_ms);
