/*
 * What each process gets of the configuration: the front what may be shown, the keeper who may do what, the launcher how
 * commands run. Sealed files of records, so that a part can be handed again after a restart, and nobody can change it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/policy/policy_records.h"
#include "sallyport/proto/settings.h"

static int add(struct record_file *file, enum setting_type type, const void *record, struct error *err)
{
    return record_file_add(file, setting_defs, SETTING_COUNT, type, record, err);
}

static int write_front(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                       struct error *err)
{
    (void)bootstrap;
    struct setting_front front = { .max_wait_ms = config->max_wait_ms, .version = SALLYPORT_VERSION };
    int done = add(file, SETTING_FRONT, &front, err);
    for (uint32_t i = 0; i < config->policy->command_count && done == 0; i++) {
        struct setting_public_command command = { .mode = config->command_modes[i] };
        memcpy(command.name, config->policy->commands[i].name, sizeof command.name);
        command.json =
            (struct span){ (const uint8_t *)config->public_commands[i], (uint32_t)strlen(config->public_commands[i]) };
        done = add(file, SETTING_PUBLIC_COMMAND, &command, err);
    }
    return done;
}

/*
 * A caller on the unix socket, by the number that the keeper will see. In a rootless instance our own user is 0, and all
 * others look alike (the overflow uid), so they cannot be told apart and are not known at all. False for those.
 */
static bool settle_peer(const struct bootstrap *bootstrap, struct setting_identity *identity)
{
    if (identity->kind != IDENTITY_PEER || !bootstrap->ids.is_rootless)
        return true;
    if (identity->uid != bootstrap->ids.own_uid) {
        log_warn("peers.%s: a rootless instance can tell its own user (uid %u) from the others, but not uid %u; it "
                 "stays unknown, give it a token",
                 identity->name, bootstrap->ids.own_uid, identity->uid);
        return false;
    }
    identity->uid = 0;
    return true;
}

static bool has_metrics_listener(const struct config *config)
{
    return config->listener_count > 0 && config->listeners[config->listener_count - 1].is_for_metrics;
}

static int write_keeper(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                        struct error *err)
{
    (void)bootstrap;
    struct setting_keeper keeper = {
        .slot_count = config->slot_count,
        .slots_per_account = config->slots_per_account,
        .syncs_fully = config->syncs_fully,
        .budget_bytes = config->store_budget_bytes,
        .free_min_bytes = config->store_free_min_bytes,
        .retention = config->retention,
        .has_metrics_listener = has_metrics_listener(config),
    };
    int done = add(file, SETTING_KEEPER, &keeper, err);
    for (uint32_t i = 0; i < config->identity_count && done == 0; i++) {
        const struct config_identity *identity = &config->identities[i];
        struct setting_identity setting = identity->setting;
        if (!settle_peer(bootstrap, &setting))
            continue;
        done = add(file, SETTING_IDENTITY, &setting, err);
        for (uint32_t k = 0; k < identity->scope_count && done == 0; k++)
            done = add(file, SETTING_SCOPE, &identity->scopes[k], err);
    }
    return done;
}

static int write_launcher(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                          struct error *err)
{
    (void)config;
    struct setting_launcher launcher = {
        .incarnation = bootstrap->incarnation,
        .has_cgroup = bootstrap->groups.exist,
        .controllers = bootstrap->groups.controllers,
        .landlock_abi = bootstrap->host.landlock_abi,
        .is_rootless = bootstrap->ids.is_rootless,
        .has_single_id = bootstrap->ids.is_single,
        .keeps_groups = bootstrap->ids.keeps_groups,
    };
    return add(file, SETTING_LAUNCHER, &launcher, err);
}

typedef int part_writer(const struct bootstrap *, const struct config *, struct record_file *, struct error *);

static const struct {
    part_writer *write;
    bool has_policy, has_filters;
} parts[PROCESS_COUNT] = {
    [PROCESS_FRONT] = { write_front, false, false },
    [PROCESS_KEEPER] = { write_keeper, true, false },
    [PROCESS_LAUNCHER] = { write_launcher, true, true },
};

static int seal(const char *name, struct record_file *file, int *ret_fd, struct error *err)
{
    int done = memfd_sealed(name, file->data, file->size, false, ret_fd, err);
    record_file_done(file);
    return done;
}

int parts_make(const struct bootstrap *bootstrap, const struct config *config, uint32_t generation,
               int settings[PROCESS_COUNT], int policies[PROCESS_COUNT], struct error *err)
{
    config->policy->generation = generation;
    for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT; process++) {
        struct record_file file = { 0 };
        int done = parts[process].write(bootstrap, config, &file, err);
        if (done == 0)
            done = seal("sallyport-settings", &file, &settings[process], err);
        record_file_done(&file);
        if (done == 0 && parts[process].has_policy) {
            done = policy_write(config->policy, parts[process].has_filters, &file, err);
            if (done == 0)
                done = seal("sallyport-policy", &file, &policies[process], err);
            record_file_done(&file);
        }
        if (done < 0)
            return done;
    }
    return 0;
}

int parts_renew_launcher(struct bootstrap *bootstrap, struct error *err)
{
    bootstrap->incarnation++;
    struct record_file file = { 0 };
    int done = write_launcher(bootstrap, bootstrap->config, &file, err);
    if (done == 0) {
        fd_close(&bootstrap->settings_fds[PROCESS_LAUNCHER]);
        done = seal("sallyport-settings", &file, &bootstrap->settings_fds[PROCESS_LAUNCHER], err);
    }
    record_file_done(&file);
    return done;
}
