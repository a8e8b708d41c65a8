/*
 * The hooks of the rules: who may deliver, and what that runs. Records come from the bootstrap and are judged here once more.
 */
#pragma once

#include <stdint.h>

#include "sallyport/hook/verify.h"
#include "sallyport/proto/settings.h"

struct error;
struct rules;

struct rule_hook {
    struct setting_hook setting; /* its spans view the file */
    struct setting_hook_map *maps;
    uint32_t map_count;
    struct hook_secret secrets[HOOK_SECRETS_MAX];
    unsigned secret_count;
};

struct rule_hooks {
    struct rule_hook *list;
    uint32_t count;
};

/* Each takes one record into a draft that has its policy. -EBADMSG for what does not fit. */
int rule_hook_add(struct rules *draft, const struct setting_hook *setting, struct error *err);
int rule_hook_map_add(struct rules *draft, const struct setting_hook_map *map, struct error *err);

/* NULL when there is none. */
const struct rule_hook *rule_hook_find(const struct rule_hooks *hooks, const char *name);

/* Whether deliveries say this parameter. */
bool rule_hook_maps(const struct rule_hook *hook, struct span param);

void rule_hooks_free(struct rule_hooks *hooks);
