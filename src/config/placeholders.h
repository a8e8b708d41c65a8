/* Templates of arguments and variables: "{name}", "{name...}", "{{" and "}}". */
#pragma once

#include <stdbool.h>

struct reading;
struct template;

/* What may stand in an element. Sentences say why something may not; NULL when it may. */
struct placeholder_rule {
    bool may_spread;          /* it may become several elements */
    const char *literal_only; /* no placeholder at all */
    const char *no_param;     /* no parameter's value */
    const char *no_secret;
    const char *no_file;
    bool may_name_job; /* {job.id}, {job.state}, {job.reason}, {job.exit_code} */
};

/*
 * Reads one element where the walk stands (a step of `exec`, `env` or `params`) into ret_template, whose parts the command
 * owns from then on, faults or not.
 */
void placeholders_read(struct reading *reading, const char *text, const struct placeholder_rule *rule,
                       struct template *ret_template);
