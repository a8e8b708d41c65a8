/* Inbound webhooks: who proves what, and what then runs; from draft to what front and keeper get. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct config_hook;
struct reading;

#define HOOK_NAME_RULE "a letter, then letters, digits and '-', all lower-case, at most 58"

bool hook_is_name(const char *name);

/* Entries of the table: begin and end one; all commands have been read. An item of `when`. */
void *hook_open(struct reading *reading, const char *name);
void hook_close(struct reading *reading);
void *hook_rule_open(struct reading *reading, const char *name);

/* A map that stands for a parameter's value: exactly one source. The walk stands at it. */
void hook_source_check(struct reading *reading, const json_t *map);

/* Parts of hook_close() (hook_rules.c): `when`, and the parameters that come with a delivery. */
void hook_rules_take(struct reading *reading, struct config_hook *hook);
void hook_maps_take(struct reading *reading, struct config_hook *hook);

void hooks_free(struct config_hook *hooks, unsigned count);
