#include "public_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#include "tls.h"

/* All public descriptions together; each is a few hundred bytes to a few KiB. */
#define SETTINGS_MAX_BYTES (64 * 1024 * 1024)

static int take_front(struct public_settings *settings, const struct setting_front *front, struct error *err)
{
    struct proxies *proxies = &settings->proxies;
    if (!networks_unpack(front->proxies, proxies->networks, PROXY_NETWORKS_MAX, &proxies->count))
        return fail_plain(err, EBADMSG, "networks of proxies that are none");
    settings->max_wait_ms = front->max_wait_ms;
    settings->address_connections_max = front->address_connections_max;
    memcpy(settings->version, front->version, sizeof settings->version);
    return 0;
}

static int take_host(struct public_settings *settings, const struct setting_host *host, struct error *err)
{
    if (settings->host_count >= API_HOST_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d hosts", API_HOST_COUNT_MAX);
    memcpy(settings->hosts[settings->host_count++], host->name, sizeof host->name);
    return 0;
}

static int take_origin(struct public_settings *settings, const struct setting_origin *origin, struct error *err)
{
    if (settings->origin_count >= API_ORIGIN_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d origins", API_ORIGIN_COUNT_MAX);
    memcpy(settings->origins[settings->origin_count++], origin->origin, sizeof origin->origin);
    return 0;
}

static int take_command(struct public_settings *settings, const struct setting_public_command *setting,
                        struct error *err)
{
    if (settings->command_count >= COMMAND_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d commands", COMMAND_COUNT_MAX);
    size_t count = settings->command_count + 1;
    struct public_command *commands = realloc(settings->commands, count * sizeof *commands);
    if (commands == NULL)
        return fail(err, ENOMEM, "keep command '%s'", setting->name);
    settings->commands = commands;

    json_error_t where;
    json_t *json = json_loadb((const char *)setting->json.data, setting->json.size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(json)) {
        json_decref(json);
        return fail_plain(err, EBADMSG, "the description of command '%s' is no JSON object", setting->name);
    }
    struct public_command *command = &commands[settings->command_count++];
    *command = (struct public_command){ .json = json, .is_sync = setting->mode == 1 };
    memcpy(command->name, setting->name, sizeof command->name);
    return 0;
}

static int take_function(struct public_settings *settings, const struct setting_route *setting, struct error *err)
{
    if (settings->function_count >= COMMAND_COUNT_MAX || public_settings_find(settings, setting->command) < 0)
        return fail_plain(err, EBADMSG, "a function '%s' of no command, or one too many", setting->path);
    size_t count = settings->function_count + 1;
    struct public_function *functions = realloc(settings->functions, count * sizeof *functions);
    if (functions == NULL)
        return fail(err, ENOMEM, "keep function '%s'", setting->path);
    settings->functions = functions;
    int done = public_function_read(setting, &functions[settings->function_count], err);
    if (done == 0)
        settings->function_count++;
    return done;
}

static int take_predecessor(struct public_settings *settings, const struct setting_predecessor *setting,
                            struct error *err)
{
    if (settings->predecessor_count >= PREDECESSOR_COUNT - 1 || predecessor_name(setting->which) == NULL)
        return fail_plain(err, EBADMSG, "a predecessor too many, or none");
    struct public_predecessor *predecessor = &settings->predecessors[settings->predecessor_count++];
    *predecessor = (struct public_predecessor){ .which = setting->which,
                                                .has_prefix = setting->has_prefix,
                                                .requests_max = setting->requests_max };
    text_copy(predecessor->prefix, sizeof predecessor->prefix, setting->prefix);
    text_copy(predecessor->callback, sizeof predecessor->callback, setting->callback);
    return 0;
}

static int take_called(struct public_settings *settings, const struct setting_called *setting, struct error *err)
{
    if (settings->predecessor_count == 0 || settings->called_count >= PREDECESSOR_COUNT * COMMAND_COUNT_MAX)
        return fail_plain(err, EBADMSG, "what a client says, and no predecessor, or too much of it");
    struct public_called *all = realloc(settings->called, (settings->called_count + 1) * sizeof *all);
    if (all == NULL)
        return fail(err, ENOMEM, "read settings");
    settings->called = all;
    struct public_called *called = &all[settings->called_count++];
    called->which = settings->predecessors[settings->predecessor_count - 1].which;
    memcpy(called->called, setting->called, sizeof called->called);
    memcpy(called->command, setting->command, sizeof called->command);
    return 0;
}

static int take_records(struct public_settings *settings, struct reader *in, struct error *err)
{
    union any_setting setting;
    uint32_t type;
    int done;
    while ((done = record_file_next(in, setting_defs, SETTING_COUNT, &type, &setting, sizeof setting, err)) > 0) {
        if (type == SETTING_FRONT)
            done = take_front(settings, &setting.front, err);
        else if (type == SETTING_HOST)
            done = take_host(settings, &setting.host, err);
        else if (type == SETTING_ORIGIN)
            done = take_origin(settings, &setting.origin, err);
        else if (type == SETTING_PUBLIC_COMMAND)
            done = take_command(settings, &setting.public_command, err);
        else if (type == SETTING_ROUTE)
            done = take_function(settings, &setting.route, err);
        else if (type == SETTING_PREDECESSOR)
            done = take_predecessor(settings, &setting.predecessor, err);
        else if (type == SETTING_CALLED)
            done = take_called(settings, &setting.called, err);
        else if (type == SETTING_FRONT_HOOK || type == SETTING_HOOK_RULE || type == SETTING_HOOK_MAP)
            done = public_hook_take(&settings->hooks, &settings->hook_count, type, &setting, err);
        else if (type == SETTING_TLS && settings->tls == NULL)
            done = tls_new(&setting.tls, &settings->tls, err);
        else
            done = fail_plain(err, EBADMSG, "a record that is not the front's (type %u)", (unsigned)type);
        if (done < 0)
            return done;
    }
    return done;
}

int public_settings_load(struct public_settings *settings, int fd, uint32_t generation, struct error *err)
{
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    int done = memfd_read_sealed(fd, SETTINGS_MAX_BYTES, &data, &size, err);
    if (done < 0)
        return fail_in(err, "read settings");
    struct public_settings fresh = { .generation = generation,
                                     .max_wait_ms = WAIT_MAX_MS_DEFAULT,
                                     .address_connections_max = ADDRESS_CONNECTIONS_DEFAULT };
    struct reader in = { data, size };
    done = take_records(&fresh, &in, err);
    explicit_bzero(data, size); /* a key may be in it */
    if (done < 0) {
        public_settings_done(&fresh);
        return fail_in(err, "read settings");
    }
    public_settings_done(settings);
    *settings = fresh;
    return 0;
}

void public_settings_done(struct public_settings *settings)
{
    for (uint32_t i = 0; i < settings->command_count; i++)
        json_decref(settings->commands[i].json);
    free(settings->commands);
    free(settings->functions);
    free(settings->called);
    public_hooks_free(settings->hooks, settings->hook_count);
    tls_free(settings->tls);
    *settings = (struct public_settings){ 0 };
}

int public_settings_find(const struct public_settings *settings, const char *name)
{
    for (uint32_t i = 0; i < settings->command_count; i++)
        if (strcmp(settings->commands[i].name, name) == 0)
            return (int)i;
    return -1;
}

const struct public_predecessor *public_settings_predecessor(const struct public_settings *settings, unsigned which)
{
    for (uint32_t i = 0; i < settings->predecessor_count; i++)
        if (settings->predecessors[i].which == which)
            return &settings->predecessors[i];
    return NULL;
}
