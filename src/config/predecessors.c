#include "predecessors.h"

#include <string.h>

#include "commands.h"
#include "reading.h"
#include "sallyport/base/image_name.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/predecessors.h"

bool predecessor_is_name(const char *name)
{
    return predecessor_find(name) != PREDECESSOR_NONE;
}

bool called_is_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    return length > 0 && length < CALLED_MAX_BYTES;
}

static struct config_predecessor *latest(struct reading *reading)
{
    return &reading->config->predecessors[reading->config->predecessor_count - 1];
}

void *predecessor_open(struct reading *reading, const char *name)
{
    struct config *config = reading->config;
    if (config->predecessor_count == PREDECESSOR_COUNT - 1) /* the map has each name once */
        return NULL;
    struct config_predecessor *predecessor = &config->predecessors[config->predecessor_count++];
    *predecessor = (struct config_predecessor){ .setting.which = (uint8_t)predecessor_find(name) };
    reading->predecessor = (struct predecessor_draft){ 0 };
    return &reading->predecessor;
}

/* Whole segments that are spelled in one way only, for they are compared with what was decoded. */
static const char *prefix_fault(const char *prefix)
{
    if (prefix[0] != '/')
        return "must begin with a slash, such as /runner; / alone is the root";
    if (strcmp(prefix, "/") == 0)
        return NULL;
    for (const char *at = prefix; *at == '/'; at += 1 + strcspn(at + 1, "/")) {
        size_t size = strcspn(at + 1, "/");
        if (size == 0 || at[1] == '.')
            return "has an empty segment, one that begins with a dot, or a slash at its end";
        if (strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~") < size)
            return "may have letters, digits, '-', '_', '.' and '~' in its segments";
    }
    static const char *const ours[] = { "/v1", "/r", "/hooks", "/healthz", "/readyz", "/metrics", "/version" };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strncmp(prefix, ours[i], strlen(ours[i])) == 0 && strchr("/", prefix[strlen(ours[i])]) != NULL)
            return "is, or lies below, a path of the API itself";
    return NULL;
}

static void take_prefix(struct reading *reading, struct config_predecessor *predecessor)
{
    const char *prefix = reading->predecessor.prefix;
    const char *why = prefix_fault(prefix);
    if (why != NULL)
        fault_below(reading, "prefix", -1, "'%.80s' %s", prefix, why);
    predecessor->setting.has_prefix = true;
    text_copy(predecessor->setting.prefix, sizeof predecessor->setting.prefix, strcmp(prefix, "/") == 0 ? "" : prefix);
}

static void take_commands(struct reading *reading, struct config_predecessor *predecessor)
{
    const char *called;
    json_t *value;
    size_t length = enter_key(reading, "commands");
    json_object_foreach((json_t *)(uintptr_t)reading->predecessor.commands, called, value)
    {
        const char *command = scalar_text(reading, value);
        struct setting_called *entry =
            command != NULL ? grow(reading, &predecessor->called, predecessor->called_count, sizeof *entry) : NULL;
        if (entry == NULL) /* told already */
            continue;
        predecessor->called_count++;
        text_copy(entry->called, sizeof entry->called, called);
        if (!text_copy(entry->command, sizeof entry->command, command))
            fault_below(reading, called, -1, "is too long for the name of a command");
    }
    leave(reading, length);
}

static void take_callback(struct reading *reading, struct config_predecessor *predecessor)
{
    const char *callback = reading->predecessor.callback;
    if (callback == NULL)
        return;
    if (predecessor->setting.which != PREDECESSOR_HTTP_RUNNER)
        fault_below(reading, "callback", -1, "is http-runner's alone; commands have 'on'");
    else
        text_copy(predecessor->setting.callback, sizeof predecessor->setting.callback, callback);
}

void predecessor_close(struct reading *reading)
{
    const struct predecessor_draft *draft = &reading->predecessor;
    struct config_predecessor *predecessor = latest(reading);
    if (draft->prefix == NULL && draft->listen == NULL)
        fault_at_key(reading,
                     "needs 'prefix' (a path below which it is served), 'listen' (a listener of its own), or both");
    if (draft->prefix != NULL)
        take_prefix(reading, predecessor);
    if (draft->listen != NULL)
        text_copy(predecessor->listen, sizeof predecessor->listen, draft->listen);
    predecessor->setting.requests_max = (uint32_t)draft->requests_max;
    if (draft->requests_max > 0 && predecessor->setting.which != PREDECESSOR_GORT)
        fault_below(reading, "requests", -1,
                    "is gort's alone; callers and commands have 'limits', 'rate' and 'concurrency'");
    take_callback(reading, predecessor);
    take_commands(reading, predecessor);
}

/* Callbacks are there by now. */
static void check_callback(struct reading *reading, const struct setting_predecessor *setting)
{
    const struct config *config = reading->config;
    if (setting->callback[0] == '\0')
        return;
    for (uint32_t i = 0; i < config->callback_count; i++) {
        const struct setting_callback *callback = &config->callbacks[i].setting;
        if (strcmp(callback->name, setting->callback) != 0)
            continue;
        if (!callback->is_prefix)
            fault_below(reading, "callback", -1,
                        "callback '%s' has a 'url' of its own; clients name theirs, which needs one with 'allow_url'",
                        setting->callback);
        return;
    }
    fault_below(reading, "callback", -1, "there is no callback '%s'; callbacks are listed below 'callbacks'",
                setting->callback);
}

/* Images are compared in one spelling, of which each is listed once. The key is as it was written until then. */
static void spell_image(struct reading *reading, struct config_predecessor *predecessor, struct setting_called *entry)
{
    char name[CALLED_MAX_BYTES];
    if (!image_name_spell(entry->called, name)) {
        fault_below(reading, entry->called, -1,
                    "is no name of an image such as docker.io/acme/hello:1, or one of more than %d bytes with its "
                    "registry and its tag",
                    CALLED_MAX_BYTES - 1);
        return;
    }
    for (const struct setting_called *other = predecessor->called; other != entry; other++)
        if (strcmp(other->called, name) == 0)
            fault_below(reading, entry->called, -1, "is the image '%s', which stands there already", name);
    memcpy(entry->called, name, sizeof entry->called);
}

static void check_called(struct reading *reading, struct config_predecessor *predecessor, struct setting_called *entry)
{
    const struct policy *policy = reading->config->policy;
    const char *name = entry->command, *nearest = command_nearest(policy, name);
    bool is_function = predecessor->setting.which == PREDECESSOR_GO_SERVERLESS;
    int index = policy_find_command(policy, name);
    if (index < 0)
        fault_below(reading, entry->called, -1, "there is no command '%s'%s%s%s", name,
                    nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                    nearest != NULL ? "'?" : "");
    else if (is_function && !policy->commands[index].has_context)
        fault_below(reading, entry->called, -1, "'%s' takes no request as a file; write 'context: true' there", name);
    if (is_function)
        spell_image(reading, predecessor, entry);
}

void predecessors_check(struct reading *reading)
{
    struct config *config = reading->config;
    size_t length = enter_key(reading, "predecessors");
    for (uint32_t i = 0; i < config->predecessor_count; i++) {
        struct config_predecessor *predecessor = &config->predecessors[i];
        size_t length_one = enter_key(reading, predecessor_name(predecessor->setting.which));
        check_callback(reading, &predecessor->setting);
        size_t length_commands = enter_key(reading, "commands");
        for (uint32_t k = 0; k < predecessor->called_count; k++)
            check_called(reading, predecessor, &predecessor->called[k]);
        leave(reading, length_commands);
        leave(reading, length_one);
    }
    leave(reading, length);
}
