/* Points in time and durations as people read and write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WHEN_TEXT_BYTES 32

/* RFC 3339 with or without a fraction: "2026-03-01T10:00:00.120Z", "...+02:00". */
bool when_parse(const char *text, uint64_t *ret_unix_ms);

/* A point in time, a day ("2026-03-01", UTC), or a duration before now ("30m"). */
bool when_parse_since(const char *text, uint64_t now_unix_ms, uint64_t *ret_unix_ms);

/* "now", "12s ago", "3m ago", "2h ago", "5d ago", "in 3m". */
const char *when_relative(uint64_t now_unix_ms, uint64_t unix_ms, char text[WHEN_TEXT_BYTES]);

/* "0.3s", "42s", "3m10s", "2h05m", "3d4h". */
const char *when_took(double seconds, char text[WHEN_TEXT_BYTES]);
