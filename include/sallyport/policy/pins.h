/*
 * What one caller may say for a parameter, whatever the command's own rules take: values that are pinned. The keeper asks,
 * before a job is made in that caller's name. No I/O, no state.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/record.h"
#include "sallyport/proto/settings.h"

struct command;
struct error;

/*
 * A parameter that is pinned has one of its pins' values, byte by byte as it is written, and so has each item of a list, which is not
 * empty. What was left out is its default, which is one of them, too; without a default it is refused: the program could take
 * the gap for another value. Parameters without a pin are not looked at, and neither are pins of parameters that the command does not have.
 *
 * Returns how many parameters are refused, with one entry of ENTRY_ERROR for each in errors: a pointer as of
 * matcher_check(), the code not_allowed, and a sentence. -EBADMSG when params are no parameters at all.
 */
int pins_check(const struct command *command, struct span params, const struct setting_pin *pins, uint32_t pin_count,
               struct writer *errors, struct error *err);
