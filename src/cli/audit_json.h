/* An entry of the audit trail as an object, for people and for other programs. */
#pragma once

#include <jansson.h>

struct audit_row;

/*
 * {"entry", "time", "what", "verdict", "actor", "job", "command", "address", "why", "count", "previous", "head"}. The
 * verdict is "accepted" or "refused", or null for what was no question: start, end, config. NULL when memory is short.
 */
json_t *audit_json(const struct audit_row *row);
