/*
 * What a hook reads in a delivery and no signature covers: the query as it came, whether the body is a form, and the headers that
 * rules, parameters and the scheme name. The keeper remembers it of each delivery: whoever saw one may send it again, but not
 * with another event.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/record.h"

#include "hook_match.h"

/* hook: NULL for a name that is none. raw_query may be NULL. False: it has no room. */
bool hook_unsigned_write(const struct public_hook *hook, const struct hook_scheme *scheme,
                         const struct hook_content *content, const char *raw_query, bool is_form, struct writer *out);
