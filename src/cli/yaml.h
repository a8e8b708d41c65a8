/* JSON as YAML in block style. Text that YAML could read as anything else is quoted as JSON quotes it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

void yaml_print(FILE *to, const json_t *value);

/* Whether the text may stand without quotes, and is the same text then. */
bool yaml_is_plain(const char *text);
