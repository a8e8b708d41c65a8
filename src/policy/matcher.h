/* What a matcher consists of; for the files of this folder. */
#pragma once

#include "sallyport/policy/pattern.h"
#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"

struct param_patterns {
    struct pattern *value, *item; /* NULL for none */
};

struct matcher {
    const struct policy *policy;
    struct param_patterns **patterns; /* by command, then parameter */
};

/* The command with this index, or NULL with err filled: an index is a peer's claim. */
const struct command *matcher_command(const struct matcher *matcher, uint32_t index, struct error *err);
