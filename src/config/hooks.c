#include "hooks.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "line_files.h"
#include "reading.h"
#include "schedule_params.h"
#include "sallyport/base/http_field.h"
#include "sallyport/base/text.h"
#include "sallyport/hook/verify.h"

bool hook_is_name(const char *name)
{
    return text_is_name(name) && strlen(name) < HOOK_NAME_MAX_BYTES;
}

static struct config_hook *latest(struct reading *reading)
{
    return &reading->config->hooks[reading->config->hook_count - 1];
}

void *hook_open(struct reading *reading, const char *name)
{
    struct config *config = reading->config;
    struct config_hook *hook = grow(reading, &config->hooks, config->hook_count, sizeof *hook);
    if (hook == NULL)
        return NULL;
    config->hook_count++;
    text_copy(hook->setting.name, sizeof hook->setting.name, name);
    text_copy(hook->front.name, sizeof hook->front.name, name);
    reading->hook = (struct hook_draft){ .preset = UINT64_MAX };
    reading->hook_rule_count = 0;
    return &reading->hook;
}

static void refuse_own(struct reading *reading, const char *key, bool is_there)
{
    if (is_there)
        fault_below(reading, key, -1, "is of preset 'generic' alone; another preset has its own");
}

static void take_header(struct reading *reading, const char *key, const char *name, char to[HOOK_FIELD_BYTES])
{
    if (name == NULL)
        return;
    if (!http_field_name_is_good(name, strlen(name)) || http_field_is_framing(name, strlen(name)))
        fault_below(reading, key, -1, "is no header that a delivery could prove itself with");
    else
        text_copy(to, HOOK_FIELD_BYTES, name);
}

/* What the owner says himself. */
static void take_generic(struct reading *reading, struct hook_scheme *scheme)
{
    const struct hook_draft *draft = &reading->hook;
    scheme->is_sha512 = draft->algorithm == 1;
    scheme->is_base64 = draft->encoding == 1;
    if (draft->header == NULL)
        fault_at_key(reading, "needs 'header': where the signature is");
    take_header(reading, "header", draft->header, scheme->signature);
    take_header(reading, "timestamp_header", draft->timestamp_header, scheme->timestamp);
    take_header(reading, "delivery_header", draft->delivery_header, scheme->delivery);
    if (draft->prefix != NULL)
        text_copy(scheme->prefix, sizeof scheme->prefix, draft->prefix);
    const char *why = draft->template != NULL ? hook_template_fault(draft->template, scheme->before) : NULL;
    if (why != NULL)
        fault_below(reading, "template", -1, "%s", why);
    bool signs_time = strstr(scheme->before, "{t}") != NULL, signs_id = strstr(scheme->before, "{id}") != NULL;
    if (signs_time != (draft->timestamp_header != NULL))
        fault_below(reading, signs_time ? "template" : "timestamp_header", -1,
                    "a time counts if it is signed: 'timestamp_header' and {t} in 'template' need each other");
    if (signs_id && draft->delivery_header == NULL)
        fault_below(reading, "template", -1, "has {id}, and 'delivery_header' does not say where it is");
}

static void take_scheme(struct reading *reading, struct hook_scheme *ret_scheme)
{
    const struct hook_draft *draft = &reading->hook;
    const struct hook_scheme *preset = draft->preset < UINT32_MAX ? hook_scheme_at((unsigned)draft->preset) : NULL;
    if (preset == NULL)
        return; /* told */
    *ret_scheme = *preset;
    if (strcmp(preset->preset, HOOK_GENERIC) == 0) {
        take_generic(reading, ret_scheme);
        return;
    }
    refuse_own(reading, "header", draft->header != NULL);
    refuse_own(reading, "algorithm", draft->algorithm != 0);
    refuse_own(reading, "encoding", draft->encoding != 0);
    refuse_own(reading, "prefix", draft->prefix != NULL);
    refuse_own(reading, "timestamp_header", draft->timestamp_header != NULL);
    refuse_own(reading, "delivery_header", draft->delivery_header != NULL);
    refuse_own(reading, "template", draft->template != NULL);
}

/* Never repeats what stands there: it may be the secret itself. */
static void take_secret(struct reading *reading, struct config_hook *hook, const char *text, int at)
{
    static const struct line_file file = { "secrets", "the secret that the provider was given", true };
    char line[LINE_TEXT_BYTES];
    if (strncmp(text, "file:", 5) != 0) {
        fault_below(reading, "secrets", -1,
                    "must be file:PATH of a file with the secret, which must not be written down here");
        return;
    }
    if (!line_file_read(reading, &file, text + 5, line))
        return;
    const char *why = hook_secret_fault(&hook->setting.scheme, line);
    if (why != NULL)
        fault_below(reading, "secrets", -1, "%s %s", text + 5, why);
    else
        text_copy(hook->secrets[at], sizeof hook->secrets[at], line);
    explicit_bzero(line, sizeof line);
}

static void take_secrets(struct reading *reading, struct config_hook *hook)
{
    const json_t *list = reading->hook.secrets;
    for (size_t i = 0; i < json_array_size(list) && i < CALLBACK_SECRETS_MAX; i++)
        take_secret(reading, hook, text_item(list, i), (int)i);
    if (hook->secrets[0][0] != '\0' && strcmp(hook->secrets[0], hook->secrets[1]) == 0)
        fault_below(reading, "secrets", -1, "names the same secret twice");
}

static void take_verify(struct reading *reading, struct config_hook *hook)
{
    size_t length = enter_key(reading, "verify");
    take_scheme(reading, &hook->setting.scheme);
    hook->front.scheme = hook->setting.scheme;
    take_secrets(reading, hook);
    leave(reading, length);
}

static void take_run(struct reading *reading, struct config_hook *hook)
{
    size_t length = enter_key(reading, "run");
    const char *name = reading->hook.command;
    const struct command *command = name != NULL ? command_wanted(reading, name) : NULL;
    if (command != NULL) {
        text_copy(hook->setting.command, sizeof hook->setting.command, name);
        schedule_params_take(reading, command, reading->hook.params, "a hook", &hook->constants,
                             &hook->setting.constants);
        hook_maps_take(reading, hook);
    }
    leave(reading, length);
}

void hook_close(struct reading *reading)
{
    struct config_hook *hook = latest(reading);
    take_verify(reading, hook);
    hook_rules_take(reading, hook);
    take_run(reading, hook);
    hook->front.rate = (struct rate){ (uint32_t)reading->hook.rate.count, reading->hook.rate.period_ms };
    hook->front.concurrency = (uint32_t)reading->hook.concurrency;
}

void hooks_free(struct config_hook *hooks, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        explicit_bzero(hooks[i].secrets, sizeof hooks[i].secrets);
        free(hooks[i].constants);
        for (uint32_t k = 0; k < hooks[i].rule_count; k++)
            free((void *)(uintptr_t)hooks[i].rules[k].value.data);
        free(hooks[i].rules);
        free(hooks[i].maps);
    }
    free(hooks);
}
