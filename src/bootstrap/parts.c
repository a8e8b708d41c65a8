/*
 * What each process gets of the configuration: the front what may be shown and what TLS needs, the keeper who may do what and where callbacks
 * go, the launcher how commands run, the notifier nothing but what the system says of names and certificates. Sealed files
 * of records, so that a part can be handed again after a restart, and nobody can change it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

static bool has_tls_listener(const struct config *config)
{
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].is_tls)
            return true;
    return false;
}

static int write_routes(const struct config *config, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->route_count && done == 0; i++)
        done = add(file, SETTING_ROUTE, &config->routes[i].setting, err);
    return done;
}

/* The images of functions: what they mean is the keeper's to say. */
static int write_functions(const struct config *config, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->predecessor_count; i++) {
        const struct config_predecessor *predecessor = &config->predecessors[i];
        if (predecessor->setting.which != PREDECESSOR_GO_SERVERLESS)
            continue;
        for (uint32_t k = 0; k < predecessor->called_count && done == 0; k++)
            done = add(file, SETTING_CALLED, &predecessor->called[k], err);
    }
    return done;
}

static int write_maps(const struct config_hook *hook, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < hook->map_count && done == 0; i++)
        done = add(file, SETTING_HOOK_MAP, &hook->maps[i], err);
    return done;
}

/* What proves a delivery's form, and what it must say; neither the secret nor what no delivery says. */
static int write_front_hooks(const struct config *config, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->hook_count && done == 0; i++) {
        const struct config_hook *hook = &config->hooks[i];
        done = add(file, SETTING_FRONT_HOOK, &hook->front, err);
        for (uint32_t k = 0; k < hook->rule_count && done == 0; k++)
            done = add(file, SETTING_HOOK_RULE, &hook->rules[k], err);
        if (done == 0)
            done = write_maps(hook, file, err);
    }
    return done;
}

static int write_hooks(const struct config *config, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->hook_count && done == 0; i++) {
        done = add(file, SETTING_HOOK, &config->hooks[i].setting, err);
        if (done == 0)
            done = write_maps(&config->hooks[i], file, err);
    }
    return done;
}

static int write_front(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                       struct error *err)
{
    (void)bootstrap;
    struct setting_front front = { .max_wait_ms = config->max_wait_ms,
                                   .address_connections_max = config->address_connections_max,
                                   .version = SALLYPORT_VERSION,
                                   .proxies = { config->proxies, NETWORK_PACKED_BYTES * config->proxy_count } };
    int done = add(file, SETTING_FRONT, &front, err);
    for (uint32_t i = 0; i < config->host_count && done == 0; i++) {
        struct setting_host host;
        memcpy(host.name, config->hosts[i], sizeof host.name);
        done = add(file, SETTING_HOST, &host, err);
    }
    for (uint32_t i = 0; i < config->origin_count && done == 0; i++) {
        struct setting_origin origin;
        memcpy(origin.origin, config->origins[i], sizeof origin.origin);
        done = add(file, SETTING_ORIGIN, &origin, err);
    }
    if (done == 0 && config->tls != NULL && has_tls_listener(config)) /* who does not serve it needs no key */
        done = add(file, SETTING_TLS, &config->tls->setting, err);
    for (uint32_t i = 0; i < config->predecessor_count && done == 0; i++) {
        const struct config_predecessor *predecessor = &config->predecessors[i];
        done = add(file, SETTING_PREDECESSOR, &predecessor->setting, err);
        for (uint32_t k = 0; k < predecessor->called_count && done == 0; k++)
            done = add(file, SETTING_CALLED, &predecessor->called[k], err);
    }
    for (uint32_t i = 0; i < config->policy->command_count && done == 0; i++) {
        struct setting_public_command command = { .mode = config->command_modes[i] };
        memcpy(command.name, config->policy->commands[i].name, sizeof command.name);
        command.json =
            (struct span){ (const uint8_t *)config->public_commands[i], (uint32_t)strlen(config->public_commands[i]) };
        done = add(file, SETTING_PUBLIC_COMMAND, &command, err);
    }
    if (done == 0)
        done = write_routes(config, file, err);
    return done < 0 ? done : write_front_hooks(config, file, err);
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
    bool has = false;
    for (uint32_t i = 0; i < config->listener_count; i++)
        has |= config->listeners[i].is_for_metrics;
    return has;
}

static int write_identities(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                            struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->identity_count && done == 0; i++) {
        const struct config_identity *identity = &config->identities[i];
        struct setting_identity setting = identity->setting;
        if (!settle_peer(bootstrap, &setting))
            continue;
        done = add(file, SETTING_IDENTITY, &setting, err);
        for (uint32_t k = 0; k < identity->scope_count && done == 0; k++)
            done = add(file, SETTING_SCOPE, &identity->scopes[k], err);
        for (uint32_t k = 0; k < identity->pin_count && done == 0; k++)
            done = add(file, SETTING_PIN, &identity->pins[k], err);
    }
    for (uint32_t i = 0; i < config->callback_count && done == 0; i++)
        done = add(file, SETTING_CALLBACK, &config->callbacks[i].setting, err);
    for (uint32_t i = 0; i < config->notice_count && done == 0; i++)
        done = add(file, SETTING_NOTICE, &config->notices[i].setting, err);
    return done;
}

static int write_zone(const struct zone *zone, struct record_file *file, struct error *err)
{
    struct setting_zone setting = { 0 };
    memcpy(setting.name, zone->name, sizeof setting.name);
    int done = add(file, SETTING_ZONE, &setting, err);
    for (uint32_t i = 0; i < zone->period_count && done == 0; i++) {
        struct setting_zone_period period = { zone->periods[i].from_unix_s, zone->periods[i].offset_s };
        done = add(file, SETTING_ZONE_PERIOD, &period, err);
    }
    return done;
}

static int write_schedules(const struct config *config, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->zone_count && done == 0; i++)
        done = write_zone(&config->zones[i], file, err);
    for (uint32_t i = 0; i < config->schedule_count && done == 0; i++)
        done = add(file, SETTING_SCHEDULE, &config->schedules[i].setting, err);
    return done;
}

static int write_keeper(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                        struct error *err)
{
    struct setting_keeper keeper = {
        .service = bootstrap->service,
        .slot_count = config->slot_count,
        .slots_per_account = config->slots_per_account,
        .syncs_fully = config->syncs_fully,
        .budget_bytes = config->store_budget_bytes,
        .free_min_bytes = config->store_free_min_bytes,
        .retention = config->retention,
        .quota = config->quota,
        .has_metrics_listener = has_metrics_listener(config),
        .session_idle_ms = config->session_idle_ms,
        .session_max_ms = config->session_max_ms,
#if SALLYPORT_TEST_SWITCHES
        .test_clock_unix_ms = config->test_clock_unix_ms,
        .test_clock_speed = config->test_clock_speed,
        .test_retry_speed = config->test_retry_speed,
#endif
    };
    int done = add(file, SETTING_KEEPER, &keeper, err);
    if (done == 0)
        done = write_routes(config, file, err);
    if (done == 0)
        done = write_functions(config, file, err);
    if (done == 0)
        done = write_identities(bootstrap, config, file, err);
    if (done == 0)
        done = write_schedules(config, file, err);
    return done < 0 ? done : write_hooks(config, file, err);
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

static int write_notifier(const struct bootstrap *bootstrap, const struct config *config, struct record_file *file,
                          struct error *err)
{
    (void)bootstrap;
    return notifier_part_write(config, file, err);
}

typedef int part_writer(const struct bootstrap *, const struct config *, struct record_file *, struct error *);

static const struct {
    part_writer *write;
    bool has_policy, has_filters;
} parts[PROCESS_COUNT] = {
    [PROCESS_FRONT] = { write_front, false, false },
    [PROCESS_KEEPER] = { write_keeper, true, false },
    [PROCESS_LAUNCHER] = { write_launcher, true, true },
    [PROCESS_NOTIFIER] = { write_notifier, false, false },
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
        if (!child_is_wanted(config, process))
            continue;
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

/* Both are sealed, so they are as long as they say. What cannot be looked at counts as another. */
static bool has_same_content(int left_fd, int right_fd)
{
    struct stat left, right;
    if (fstat(left_fd, &left) < 0 || fstat(right_fd, &right) < 0 || left.st_size != right.st_size)
        return false;
    size_t size = (size_t)left.st_size;
    if (size == 0)
        return true;
    void *left_data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, left_fd, 0);
    void *right_data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, right_fd, 0);
    bool is_same = left_data != MAP_FAILED && right_data != MAP_FAILED && memcmp(left_data, right_data, size) == 0;
    if (left_data != MAP_FAILED)
        munmap(left_data, size);
    if (right_data != MAP_FAILED)
        munmap(right_data, size);
    return is_same;
}

/* But for the generation, which is another each time. */
static int write_policy(const struct config *config, struct record_file *file)
{
    struct policy policy = *config->policy;
    policy.generation = 0;
    return policy_write(&policy, true, file, NULL);
}

static bool has_same_policy(const struct config *left, const struct config *right)
{
    struct record_file left_file = { 0 }, right_file = { 0 };
    bool is_same = write_policy(left, &left_file) == 0 && write_policy(right, &right_file) == 0 &&
                   left_file.size == right_file.size && memcmp(left_file.data, right_file.data, left_file.size) == 0;
    record_file_done(&left_file);
    record_file_done(&right_file);
    return is_same;
}

/* The launcher's settings are facts of this host, and say nothing of the file. */
bool parts_differ(const struct bootstrap *bootstrap, const struct config *config, const int settings[PROCESS_COUNT])
{
    return bootstrap->config->shutdown_grace_ms != config->shutdown_grace_ms ||
           !has_same_content(bootstrap->settings_fds[PROCESS_FRONT], settings[PROCESS_FRONT]) ||
           !has_same_content(bootstrap->settings_fds[PROCESS_KEEPER], settings[PROCESS_KEEPER]) ||
           !has_same_policy(bootstrap->config, config);
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
