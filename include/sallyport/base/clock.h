/* Time. Deadlines use the monotonic clock; wall time appears only in records. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
uint64_t clock_unix_ms(void);
uint64_t clock_unix_us(void);

/*
 * Whether two times of the wall clock are less than `span_ms` apart, whichever comes first: a clock that was set back must
 * not make a minute ago a year.
 */
bool clock_is_near(uint64_t now_unix_ms, uint64_t then_unix_ms, uint64_t span_ms);

#define CLOCK_TEXT_BYTES 32

/* "2026-03-01T10:00:00.120Z" (RFC 3339, UTC, milliseconds) into the caller's buffer, which it returns. */
const char *clock_text(uint64_t unix_ms, char text[CLOCK_TEXT_BYTES]);
