/* Templates of arguments and variables: "{name}", "{name...}", "{{" and "}}". */
#pragma once

#include <stdbool.h>

struct reading;
struct template;

/*
 * Reads one element where the walk stands (a step of `exec` or `env`) into ret_template, whose parts the command owns from
 * then on, faults or not. `may_spread`: the element may become several. `literal_only`: says why no parameter may stand
 * here; NULL when one may.
 */
void placeholders_read(struct reading *reading, const char *text, bool may_spread, const char *literal_only,
                       struct template *ret_template);
