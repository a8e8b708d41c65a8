/* What the front knows of hooks: the form of a proof, what a delivery must say, and which parameters it says. */
#pragma once

#include <stdint.h>

#include "sallyport/hook/scheme.h"
#include "sallyport/job/quota.h"
#include "sallyport/proto/settings.h"

struct error;
struct pattern;

/* Told to whoever proved nothing, wherever that was found out, here or at the keeper. */
#define HOOK_UNPROVEN_TEXT "the delivery is not proven to come from where it says"

struct public_rule {
    struct setting_hook_rule setting; /* its value is an allocation of its own */
    struct pattern *pattern;          /* HOOK_REGEX */
};

struct public_hook {
    struct setting_front_hook setting;
    struct public_rule *rules;
    struct setting_hook_map *maps;
    uint32_t rule_count, map_count;
};

/* One record; rules and maps belong to the hook before them. -EBADMSG for what does not fit. */
int public_hook_take(struct public_hook **hooks, uint32_t *count, uint32_t type, const union any_setting *setting,
                     struct error *err);
void public_hooks_free(struct public_hook *hooks, uint32_t count);

/* Deliveries of one address to all names: as many as one hook takes that says nothing, or as the one that says most. */
struct rate public_hooks_rate(const struct public_hook *hooks, uint32_t count);

/* NULL when there is none of this name. */
const struct public_hook *public_hook_find(const struct public_hook *hooks, uint32_t count, const char *name);
