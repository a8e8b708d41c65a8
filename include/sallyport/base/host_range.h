/* Whether ids that nobody has been given are nobody's: accounts of this host, and subordinate ranges. */
#pragma once

#include <stdint.h>

struct error;

#define HOST_SERVICE_IDS 5 /* below those of slots: for our own processes, where no accounts were made for them */

/* -EEXIST with a sentence when one of the count ids from first on is an account's, or of a range in /etc/subuid. */
int host_range_check(uint32_t first, uint32_t count, struct error *err);

/* The part about ranges, for tests: the text of subuid(5). */
int host_range_check_text(const char *subuid, uint32_t first, uint32_t count, struct error *err);
