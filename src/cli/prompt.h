/* Asks on the terminal for required parameters that were not given. */
#pragma once

#include <jansson.h>

struct error;

/*
 * For each required property of the schema that params lacks: asks, with what the schema says about it, until the answer
 * has the right type. Secrets are not echoed. Does nothing unless stdin and stderr are a terminal.
 * -EINTR when the user gave up with Ctrl-C or Ctrl-D.
 */
int prompt_missing(json_t *params, const json_t *schema, struct error *err);
