/* One value against one rule. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/record.h"
#include "sallyport/policy/policy.h"

struct faults;
struct pattern;

/* Whether a value written as `kind` (enum entry_kind, without ENTRY_ITEM) can be of this type at all. */
bool value_kind_fits(enum param_type type, uint8_t kind);

/*
 * Adds what is wrong with the value to faults. For any type but PARAM_LIST.
 *
 * Strings and secrets hold no NUL and are UTF-8. A string that starts with '-' is refused unless the rule allows it, for a
 * program could take it for an option. An enum's values are exempt, because the owner listed them; so are negative
 * numbers, because whoever wants none says `min: 0`.
 */
void value_check(const struct param_rule *rule, const struct pattern *pattern, uint8_t kind, struct span value,
                 struct faults *faults);
