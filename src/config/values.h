/* Values of parameters that the configuration says, in the form in which a caller would send them: so the same judge takes them. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "sallyport/base/record.h"
#include "sallyport/limits.h"
#include "sallyport/policy/policy.h"

struct reading;

/* enum entry_kind in which a value of this type is written. */
uint8_t value_kind(enum param_type type);

/* Whether the value has the parameter's shape: a list for a list, a single value for anything else. */
bool value_has_shape(const struct param *param, const json_t *value);

/* Appends the value, which has the parameter's shape and only scalars in it. False when there is no room. */
bool value_add(struct reading *reading, const struct param *param, const json_t *value, struct writer *out);

/* Takes a fault's pointer apart: "/params/NAME/3". The index is -1 for the parameter itself. False for what has no name. */
bool value_place(struct span pointer, char ret_name[NAME_MAX_BYTES], int *ret_index);
