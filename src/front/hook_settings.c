#include "hook_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/pattern.h"

const struct public_hook *public_hook_find(const struct public_hook *hooks, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(hooks[i].setting.name, name) == 0)
            return &hooks[i];
    return NULL;
}

struct rate public_hooks_rate(const struct public_hook *hooks, uint32_t count)
{
    struct rate all = { 600, 60000 };
    for (uint32_t i = 0; i < count; i++) {
        const struct rate *rate = &hooks[i].setting.rate;
        uint64_t in_period = (uint64_t)rate->count * all.period_ms / rate->period_ms;
        uint64_t most = in_period > rate->count ? in_period : rate->count;
        if (most > all.count)
            all.count = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
    }
    return all;
}

static void *grow(void *array_pointer, uint32_t count, size_t element_bytes)
{
    void **array = array_pointer;
    void *larger = realloc(*array, (count + 1) * element_bytes);
    if (larger == NULL)
        return NULL;
    *array = larger;
    return memset((char *)larger + count * element_bytes, 0, element_bytes);
}

static int add_rule(struct public_hook *hook, const struct setting_hook_rule *setting, struct error *err)
{
    char text[HOOK_RULE_MAX_BYTES + 1];
    if (hook->rule_count >= HOOK_RULE_COUNT_MAX || setting->source == HOOK_SOURCE_NONE ||
        setting->test == HOOK_TEST_NONE)
        return fail_plain(err, EBADMSG, "hook '%s' has a rule too many, or an empty one", hook->setting.name);
    struct public_rule *rule = grow(&hook->rules, hook->rule_count, sizeof *rule);
    uint8_t *value = malloc(setting->value.size + 1);
    if (rule == NULL || value == NULL) {
        free(value);
        return fail(err, ENOMEM, "keep hook '%s'", hook->setting.name);
    }
    hook->rule_count++;
    if (setting->value.size > 0)
        memcpy(value, setting->value.data, setting->value.size);
    value[setting->value.size] = '\0';
    rule->setting = *setting;
    rule->setting.value.data = value;
    if (setting->test != HOOK_REGEX)
        return 0;
    if (!text_copy_bytes(text, sizeof text, setting->value.data, setting->value.size))
        return fail_plain(err, EBADMSG, "a rule of hook '%s' is no text", hook->setting.name);
    return pattern_new(text, false, &rule->pattern, err) < 0 ? -EBADMSG : 0;
}

static int add_map(struct public_hook *hook, const struct setting_hook_map *setting, struct error *err)
{
    if (hook->map_count >= PARAM_COUNT_MAX || setting->source == HOOK_SOURCE_NONE)
        return fail_plain(err, EBADMSG, "hook '%s' has a parameter too many", hook->setting.name);
    struct setting_hook_map *map = grow(&hook->maps, hook->map_count, sizeof *map);
    if (map == NULL)
        return fail(err, ENOMEM, "keep hook '%s'", hook->setting.name);
    hook->map_count++;
    *map = *setting;
    return 0;
}

int public_hook_take(struct public_hook **hooks, uint32_t *count, uint32_t type, const union any_setting *setting,
                     struct error *err)
{
    struct public_hook *last = *count > 0 ? &(*hooks)[*count - 1] : NULL;
    if (type != SETTING_FRONT_HOOK && last == NULL)
        return fail_plain(err, EBADMSG, "a part of a hook without a hook before it");
    if (type == SETTING_HOOK_RULE)
        return add_rule(last, &setting->hook_rule, err);
    if (type == SETTING_HOOK_MAP)
        return add_map(last, &setting->hook_map, err);
    if (*count >= HOOK_COUNT_MAX || setting->front_hook.scheme.signature[0] == '\0' ||
        setting->front_hook.concurrency == 0 || setting->front_hook.rate.period_ms == 0)
        return fail_plain(err, EBADMSG, "hook '%s' is none, or one too many", setting->front_hook.name);
    struct public_hook *hook = grow(hooks, *count, sizeof *hook);
    if (hook == NULL)
        return fail(err, ENOMEM, "keep hook '%s'", setting->front_hook.name);
    (*count)++;
    hook->setting = setting->front_hook;
    return 0;
}

void public_hooks_free(struct public_hook *hooks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < hooks[i].rule_count; k++) {
            pattern_free(hooks[i].rules[k].pattern);
            free((void *)(uintptr_t)hooks[i].rules[k].setting.value.data);
        }
        free(hooks[i].rules);
        free(hooks[i].maps);
    }
    free(hooks);
}
