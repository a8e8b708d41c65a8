/* Points in time as clients write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* RFC 3339 with seconds ("2026-03-01T10:00:00.120+01:00"), or a duration before now ("2h"). After 1970. */
bool timestamp_parse(const char *text, uint64_t now_unix_ms, uint64_t *ret_unix_ms);
