/* Time. Deadlines use the monotonic clock; wall time appears only in records. */
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
uint64_t clock_unix_ms(void);
uint64_t clock_unix_us(void);

#define CLOCK_TEXT_BYTES 32

/* "2026-03-01T10:00:00.120Z" (RFC 3339, UTC, milliseconds) into the caller's buffer, which it returns. */
const char *clock_text(uint64_t unix_ms, char text[CLOCK_TEXT_BYTES]);
