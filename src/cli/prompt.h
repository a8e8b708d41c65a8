/* Asks on the terminal for what was not given. */
#pragma once

#include <jansson.h>
#include <stddef.h>

struct error;

/*
 * For each required property of the schema that params lacks: asks, with what the schema says about it, until the answer
 * has the right type. Secrets are not echoed. Does nothing unless stdin and stderr are a terminal.
 * -EINTR when the user gave up with Ctrl-C or Ctrl-D.
 */
int prompt_missing(json_t *params, const json_t *schema, struct error *err);

/* Asks for one line, which is not echoed; stdin and stderr are a terminal. -EINTR as above. */
int prompt_secret(const char *question, char *text, size_t room, struct error *err);
