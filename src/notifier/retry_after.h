/* How long a receiver asks us to wait. A pure function over its text. Source: RFC 9110 sections 5.6.7 and 10.2.3. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A number of seconds, or a date in any of the three forms of HTTP. A date that has passed is 0; at most
 * RETRY_AFTER_MAX_S. False for anything else.
 */
bool retry_after_parse(const char *text, uint64_t now_unix_s, uint32_t *ret_seconds);
