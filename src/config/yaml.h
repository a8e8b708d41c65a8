/*
 * A strict subset of YAML 1.1, read from libyaml's events. JSON is inside the subset.
 *
 * Refused: what is not UTF-8, tabs, NUL; anchors, aliases, tags, directives, merge keys, a second document, keys that
 * are not text, a key twice in a map; more depth, nodes or bytes than limits.h allows.
 *
 * Nothing is guessed from spelling beyond JSON's own words: a plain true, false, null (or nothing, or ~) and a plain
 * decimal integer get their JSON type, all else is text: yes, 0700, 1.20, 12:30, 2027-01-31.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"
#include "tree.h"

/* Fills root and places of the tree's source with this index. Faults go to the report; root stays NULL after one that
 * leaves nothing to go on with (a syntax error). */
void yaml_read(const uint8_t *data, size_t size, struct tree *tree, uint32_t source, struct report *report);
