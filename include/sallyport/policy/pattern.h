/*
 * A parameter's pattern: PCRE2 on bytes, with limits that bound every match. The only file that knows PCRE2.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/record.h"

struct error;
struct pattern;

/*
 * Compiles. The whole value must match unless is_partial; `$` never matches before a last newline. -EINVAL names what is
 * wrong and at which byte. Freed by pattern_free(), which takes NULL.
 */
int pattern_new(const char *text, bool is_partial, struct pattern **ret_pattern, struct error *err);
void pattern_free(struct pattern *pattern);

enum pattern_verdict { PATTERN_DIFFERS, PATTERN_MATCHES, PATTERN_TOO_HARD /* a limit was met: as good as "no" */ };

enum pattern_verdict pattern_match(const struct pattern *pattern, struct span value);
