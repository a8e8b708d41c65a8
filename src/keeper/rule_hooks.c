#include "rule_hooks.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

const struct rule_hook *rule_hook_find(const struct rule_hooks *hooks, const char *name)
{
    for (uint32_t i = 0; i < hooks->count; i++)
        if (strcmp(hooks->list[i].setting.name, name) == 0)
            return &hooks->list[i];
    return NULL;
}

bool rule_hook_maps(const struct rule_hook *hook, struct span param)
{
    for (uint32_t i = 0; i < hook->map_count; i++)
        if (span_is(param, hook->maps[i].param))
            return true;
    return false;
}

static const struct command *command_of(const struct rules *draft, const char *name)
{
    int index = policy_find_command(draft->policy, name);
    return index >= 0 ? &draft->policy->commands[index] : NULL;
}

/* What may come from a file, or from strangers: neither a secret nor an upload. */
static bool is_open(const struct command *command, const char *name)
{
    int index = command_find_param(command, name);
    return index >= 0 && command->params[index].rule.type != PARAM_SECRET &&
           command->params[index].rule.type != PARAM_FILE;
}

static bool constants_fit(const struct command *command, struct span constants)
{
    struct reader in = { constants.data, constants.size };
    struct entry entry;
    int got;
    while ((got = entries_next(&in, &entry)) > 0) {
        char name[NAME_MAX_BYTES];
        if (!text_copy_bytes(name, sizeof name, entry.name.data, entry.name.size) || !is_open(command, name))
            return false;
    }
    return got == 0;
}

static bool scheme_fits(const struct hook_scheme *scheme)
{
    char before[HOOK_TEXT_BYTES], text[HOOK_TEXT_BYTES + sizeof "{body}"];
    snprintf(text, sizeof text, "%s{body}", scheme->before);
    return hook_scheme_find(scheme->preset) != NULL && scheme->signature[0] != '\0' &&
           hook_template_fault(text, before) == NULL;
}

static bool secret_fits(struct rule_hook *hook, struct span secret)
{
    char text[HOOK_SECRET_MAX_BYTES + 1];
    bool fits = text_copy_bytes(text, sizeof text, secret.data, secret.size) &&
                hook_secret_fault(&hook->setting.scheme, text) == NULL;
    explicit_bzero(text, sizeof text);
    hook->secrets[hook->secret_count++] = (struct hook_secret){ secret.data, secret.size };
    return fits;
}

int rule_hook_add(struct rules *draft, const struct setting_hook *setting, struct error *err)
{
    struct rule_hooks *hooks = &draft->hooks;
    const struct command *command = command_of(draft, setting->command);
    struct rule_hook hook = { .setting = *setting };
    if (hooks->count >= HOOK_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d hooks", HOOK_COUNT_MAX);
    if (!text_is_name(setting->name) || strlen(setting->name) >= HOOK_NAME_MAX_BYTES ||
        rule_hook_find(hooks, setting->name) != NULL)
        return fail_plain(err, EBADMSG, "a hook has no name of its own");
    if (command == NULL || !constants_fit(command, setting->constants) || !scheme_fits(&setting->scheme) ||
        !secret_fits(&hook, setting->secret) ||
        (setting->old_secret.size > 0 && !secret_fits(&hook, setting->old_secret)))
        return fail_plain(err, EBADMSG, "hook '%s' is none", setting->name);
    struct rule_hook *larger = realloc(hooks->list, (hooks->count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    hooks->list = larger;
    larger[hooks->count++] = hook;
    return 0;
}

static bool is_constant(const struct rule_hook *hook, const char *param)
{
    struct reader in = { hook->setting.constants.data, hook->setting.constants.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0)
        if (span_is(entry.name, param))
            return true;
    return false;
}

int rule_hook_map_add(struct rules *draft, const struct setting_hook_map *map, struct error *err)
{
    struct rule_hook *hook = draft->hooks.count > 0 ? &draft->hooks.list[draft->hooks.count - 1] : NULL;
    if (hook == NULL || hook->map_count >= PARAM_COUNT_MAX ||
        !is_open(command_of(draft, hook->setting.command), map->param) || is_constant(hook, map->param))
        return fail_plain(err, EBADMSG, "a parameter of a hook that no delivery could say");
    struct setting_hook_map *larger = realloc(hook->maps, (hook->map_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    hook->maps = larger;
    larger[hook->map_count++] = *map;
    return 0;
}

void rule_hooks_free(struct rule_hooks *hooks)
{
    for (uint32_t i = 0; i < hooks->count; i++)
        free(hooks->list[i].maps);
    free(hooks->list);
    *hooks = (struct rule_hooks){ 0 };
}
