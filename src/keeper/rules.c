#include "rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/base/url.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/policy/policy_records.h"

#define RULES_MAX_BYTES (64u * 1024 * 1024) /* far above what CONFIG_FILE_MAX_BYTES can turn into */

int rules_read_policy(struct rules *draft, int fd, uint32_t generation, struct error *err)
{
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    struct rules fresh = { .generation = generation };
    int done = memfd_read_sealed(fd, RULES_MAX_BYTES, &data, &size, err);
    if (done == 0)
        done = policy_read(data, size, &fresh.policy, err);
    if (done == 0)
        done = matcher_new(fresh.policy, &fresh.matcher, err);
    rules_free(draft);
    if (done < 0) {
        rules_free(&fresh);
        return fail_in(err, "policy of generation %u", generation);
    }
    *draft = fresh;
    return 0;
}

static int read_from(struct caller *caller, struct span packed, struct error *err)
{
    if (packed.size == 0)
        return 0;
    caller->from = calloc(FROM_COUNT_MAX, sizeof *caller->from);
    if (caller->from == NULL)
        return fail(err, ENOMEM, "read settings");
    if (!networks_unpack(packed, caller->from, FROM_COUNT_MAX, &caller->from_count))
        return fail_plain(err, EBADMSG, "networks of '%s' that are none", caller->name);
    return 0;
}

/* Users have a prefix in their names, and nobody else has a password. */
static int read_user(struct caller *caller, const struct setting_identity *setting, struct error *err)
{
    if (setting->kind != IDENTITY_USER)
        return setting->password[0] == '\0' ? 0 : fail_plain(err, EBADMSG, "a password of '%s'", setting->name);
    if (snprintf(caller->name, sizeof caller->name, "%s%s", USER_PREFIX, setting->name) >= (int)sizeof caller->name)
        return fail_plain(err, EBADMSG, "the name of user '%s' is too long", setting->name);
    caller->has_password = setting->password[0] != '\0';
    if (caller->has_password && password_read(setting->password, &caller->password) != NULL)
        return fail_plain(err, EBADMSG, "the password of user '%s' is none", setting->name);
    hash_sha256(setting->password, strlen(setting->password), caller->password_sha256);
    return 0;
}

static int add_caller(struct rules *draft, const struct setting_identity *setting, struct error *err)
{
    if (draft->caller_count >= TOKEN_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d identities", TOKEN_COUNT_MAX);
    if (setting->kind == IDENTITY_NONE || setting->kind == IDENTITY_SERVICE ||
        setting->token_sha256.size % HASH_BYTES != 0 ||
        setting->token_sha256.size > sizeof draft->callers->token_sha256 ||
        ((setting->kind == IDENTITY_CERTIFICATE || setting->kind == IDENTITY_LISTENER) &&
         setting->token_sha256.size != HASH_BYTES) ||
        ((setting->kind == IDENTITY_PEER || setting->kind == IDENTITY_USER) && setting->token_sha256.size > 0))
        return fail_plain(err, EBADMSG, "identity '%s' is no token, peer or user", setting->name);
    struct caller *larger = realloc(draft->callers, (draft->caller_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    draft->callers = larger;
    struct caller *caller = &larger[draft->caller_count++];
    *caller =
        (struct caller){ .kind = setting->kind, .uid = setting->uid, .expires_unix_ms = setting->expires_unix_ms };
    caller->quota = setting->quota;
    text_copy(caller->name, sizeof caller->name, setting->name);
    caller->secret_count = setting->token_sha256.size / HASH_BYTES;
    if (caller->secret_count > 0)
        memcpy(caller->token_sha256, setting->token_sha256.data, setting->token_sha256.size);
    int done = read_user(caller, setting, err);
    return done < 0 ? done : read_from(caller, setting->from, err);
}

static int add_scope(struct rules *draft, const struct setting_scope *scope, struct error *err)
{
    if (draft->caller_count == 0)
        return fail_plain(err, EBADMSG, "a scope without an identity before it");
    struct caller *caller = &draft->callers[draft->caller_count - 1];
    if (caller->scope_count >= SCOPE_COUNT_MAX || scope->kind == SCOPE_NONE)
        return fail_plain(err, EBADMSG, "identity '%s' has a scope too many, or an empty one", caller->name);
    struct setting_scope *larger = realloc(caller->scopes, (caller->scope_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    caller->scopes = larger;
    larger[caller->scope_count++] = *scope;
    return 0;
}

static int add_pin(struct rules *draft, const struct setting_pin *pin, struct error *err)
{
    struct caller *caller = draft->caller_count > 0 ? &draft->callers[draft->caller_count - 1] : NULL;
    if (caller == NULL || (caller->kind != IDENTITY_TOKEN && caller->kind != IDENTITY_USER) ||
        caller->pin_count >= PIN_COUNT_MAX || pin->param[0] == '\0')
        return fail_plain(err, EBADMSG, "a pinned value that belongs to no token or user, or one too many");
    struct setting_pin *larger = realloc(caller->pins, (caller->pin_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    caller->pins = larger;
    larger[caller->pin_count++] = *pin;
    return 0;
}

static int add_callback(struct rules *draft, const struct setting_callback *setting, struct error *err)
{
    struct url url;
    if (draft->callback_count >= CALLBACK_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d callbacks", CALLBACK_COUNT_MAX);
    if (url_parse(setting->url, &url) != NULL || setting->secret.size < CALLBACK_SECRET_MIN_BYTES ||
        (setting->old_secret.size > 0 && setting->old_secret.size < CALLBACK_SECRET_MIN_BYTES) ||
        setting->timeout_ms == 0 || setting->max_attempts == 0)
        return fail_plain(err, EBADMSG, "callback '%s' is none", setting->name);
    struct setting_callback *larger = realloc(draft->callbacks, (draft->callback_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    draft->callbacks = larger;
    larger[draft->callback_count++] = *setting;
    return 0;
}

static int add_notice(struct rules *draft, const struct setting_notice *setting, struct error *err)
{
    const struct setting_callback *callback = rules_find_callback(draft, setting->callback);
    if (draft->notice_count >= NOTICE_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d notices", NOTICE_COUNT_MAX);
    if (callback == NULL || callback->is_prefix || setting->event == CALLBACK_NONE || setting->threshold == 0)
        return fail_plain(err, EBADMSG, "a notice to callback '%s' is none", setting->callback);
    struct setting_notice *larger = realloc(draft->notices, (draft->notice_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    draft->notices = larger;
    larger[draft->notice_count++] = *setting;
    return 0;
}

static int add_route(struct rules *draft, const struct setting_route *setting, struct error *err)
{
    if (draft->route_count >= COMMAND_COUNT_MAX || rules_find_command(draft, setting->command) == NULL)
        return fail_plain(err, EBADMSG, "a route to '%s', which is no command, or one too many", setting->command);
    struct setting_route *larger = realloc(draft->routes, (draft->route_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    draft->routes = larger;
    larger[draft->route_count++] = *setting;
    return 0;
}

static int add_image(struct rules *draft, const struct setting_called *setting, struct error *err)
{
    int index = policy_find_command(draft->policy, setting->command);
    if (draft->image_count >= COMMAND_COUNT_MAX || index < 0 || !draft->policy->commands[index].has_context)
        return fail_plain(err, EBADMSG, "an image '%s' that means no function, or one too many", setting->called);
    struct setting_called *larger = realloc(draft->images, (draft->image_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    draft->images = larger;
    larger[draft->image_count++] = *setting;
    return 0;
}

static int add_setting(struct rules *draft, uint32_t type, const union any_setting *setting, struct error *err)
{
    switch (type) {
    case SETTING_KEEPER:
        draft->settings = setting->keeper;
        return 0;
    case SETTING_IDENTITY:
        return add_caller(draft, &setting->identity, err);
    case SETTING_SCOPE:
        return add_scope(draft, &setting->scope, err);
    case SETTING_PIN:
        return add_pin(draft, &setting->pin, err);
    case SETTING_ZONE:
        return rule_zone_add(draft, &setting->zone, err);
    case SETTING_ZONE_PERIOD:
        return rule_zone_period_add(draft, &setting->zone_period, err);
    case SETTING_SCHEDULE:
        return rule_schedule_add(draft, &setting->schedule, err);
    case SETTING_CALLBACK:
        return add_callback(draft, &setting->callback, err);
    case SETTING_HOOK:
        return rule_hook_add(draft, &setting->hook, err);
    case SETTING_HOOK_MAP:
        return rule_hook_map_add(draft, &setting->hook_map, err);
    case SETTING_NOTICE:
        return add_notice(draft, &setting->notice, err);
    case SETTING_ROUTE:
        return add_route(draft, &setting->route, err);
    case SETTING_CALLED:
        return add_image(draft, &setting->called, err);
    default:
        return fail_plain(err, EBADMSG, "a record that is not for the keeper: %s", setting_defs[type].name);
    }
}

int rules_read_settings(struct rules *draft, int fd, uint32_t generation, struct error *err)
{
    if (draft->policy == NULL || draft->generation != generation || draft->file != NULL)
        return fail_plain(err, EBADMSG, "settings of generation %u without the policy of it", generation);
    if (memfd_read_sealed(fd, RULES_MAX_BYTES, &draft->file, &draft->file_bytes, err) < 0)
        return fail_in(err, "settings of generation %u", generation);
    struct reader in = { draft->file, draft->file_bytes };
    union any_setting setting;
    uint32_t type;
    int got;
    while ((got = record_file_next(&in, setting_defs, SETTING_COUNT, &type, &setting, sizeof setting, err)) > 0)
        if (add_setting(draft, type, &setting, err) < 0)
            return fail_in(err, "settings of generation %u", generation);
    if (got < 0 || rule_schedules_finish(draft, err) < 0)
        return fail_in(err, "settings of generation %u", generation);
    if (draft->settings.session_max_ms > UINT32_MAX || draft->settings.session_idle_ms > UINT32_MAX)
        return fail_plain(err, EBADMSG, "settings of generation %u have sessions without an end", generation);
    if (draft->settings.slot_count == 0)
        return fail_plain(err, EBADMSG, "settings of generation %u name no slots", generation);
    return 0;
}

bool rules_are_whole(const struct rules *draft)
{
    return draft->policy != NULL && draft->matcher != NULL && draft->settings.slot_count > 0;
}

const struct setting_route *rules_find_route(const struct rules *rules, const char *command)
{
    for (uint32_t i = 0; i < rules->route_count; i++)
        if (strcmp(rules->routes[i].command, command) == 0)
            return &rules->routes[i];
    return NULL;
}

const struct command *rules_find_image(const struct rules *rules, const char *image)
{
    for (uint32_t i = 0; i < rules->image_count; i++)
        if (strcmp(rules->images[i].called, image) == 0)
            return rules_find_command(rules, rules->images[i].command);
    return NULL;
}

const struct caller *rules_find_caller(const struct rules *rules, const char *name, uint8_t via)
{
    for (uint32_t i = 0; i < rules->caller_count; i++)
        if (caller_via(&rules->callers[i]) == via && strcmp(rules->callers[i].name, name) == 0)
            return &rules->callers[i];
    return NULL;
}

struct quota rules_quota(const struct rules *rules, const char *name, uint8_t via)
{
    const struct caller *caller = rules_find_caller(rules, name, via);
    return caller != NULL ? caller->quota : (struct quota){ 0 };
}

const struct setting_callback *rules_find_callback(const struct rules *rules, const char *name)
{
    for (uint32_t i = 0; i < rules->callback_count; i++)
        if (strcmp(rules->callbacks[i].name, name) == 0)
            return &rules->callbacks[i];
    return NULL;
}

void rules_free(struct rules *rules)
{
    matcher_free(rules->matcher); /* before the policy, which it reads */
    policy_free(rules->policy);
    for (uint32_t i = 0; i < rules->caller_count; i++) {
        free(rules->callers[i].scopes);
        free(rules->callers[i].pins);
        free(rules->callers[i].from);
    }
    free(rules->callers);
    rule_schedules_free(&rules->schedules);
    rule_hooks_free(&rules->hooks);
    free(rules->callbacks);
    free(rules->notices);
    free(rules->routes);
    free(rules->images);
    if (rules->file != NULL)
        explicit_bzero(rules->file, rules->file_bytes);
    free(rules->file);
    *rules = (struct rules){ 0 };
}

const struct command *rules_find_command(const struct rules *rules, const char *name)
{
    static char none[] = "";
    static const struct command sequence = { .name = SEQUENCE_NAME,
                                             .title = none,
                                             .description = none,
                                             .group = none,
                                             .account = ACCOUNT_NONE,
                                             .timeout_ms = TIMEOUT_MAX_MS,
                                             .queue = { .priority = PRIORITY_DEFAULT },
                                             .step_count = 1, /* the caller says how many */
                                             .parallel = 1 };
    int index = policy_find_command(rules->policy, name);
    if (index >= 0)
        return &rules->policy->commands[index];
    return strcmp(name, SEQUENCE_NAME) == 0 ? &sequence : NULL;
}
