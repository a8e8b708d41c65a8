/*
 * From files to model, in order: files to one tree (yaml.c, sources.c), the tree along the table of keys (validate.c) into
 * drafts and from there into the model, then what only the whole can tell. Any fault throws the model away.
 */
#include "sallyport/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "dates.h"
#include "follows.h"
#include "identities.h"
#include "hooks.h"
#include "hosts.h"
#include "listeners.h"
#include "networks.h"
#include "notices.h"
#include "predecessors.h"
#include "public.h"
#include "queue.h"
#include "reading.h"
#include "routes.h"
#include "sources.h"
#include "tls.h"
#include "token_rules.h"
#include "sallyport/base/error.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"

static void callbacks_free(struct config *config)
{
    for (uint32_t i = 0; i < config->callback_count; i++) {
        free(config->callbacks[i].fields);
        explicit_bzero(config->callbacks[i].secrets, sizeof config->callbacks[i].secrets);
    }
    free(config->callbacks);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (uint32_t i = 0; config->public_commands != NULL && i < config->policy->command_count; i++)
        free(config->public_commands[i]);
    free(config->public_commands);
    free(config->command_modes);
    for (uint32_t i = 0; i < config->identity_count; i++)
        token_rules_done(&config->identities[i]);
    free(config->identities);
    for (uint32_t i = 0; i < config->zone_count; i++)
        zone_done(&config->zones[i]);
    free(config->zones);
    for (uint32_t i = 0; i < config->schedule_count; i++)
        free(config->schedules[i].params);
    free(config->schedules);
    callbacks_free(config);
    for (uint32_t i = 0; i < config->predecessor_count; i++)
        free(config->predecessors[i].called);
    hooks_free(config->hooks, config->hook_count);
    tls_free(config->tls);
    free(config->notices);
    routes_free(config);
    policy_free(config->policy);
    free(config);
}

static struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof *config);
    if (config != NULL)
        config->policy = calloc(1, sizeof *config->policy);
    if (config != NULL && config->policy == NULL) {
        free(config);
        return NULL;
    }
    return config;
}

static void take_server(struct reading *reading)
{
    const struct server_draft *draft = &reading->server;
    struct config *config = reading->config;
    config->max_wait_ms = (uint32_t)draft->max_wait_ms;
    config->address_connections_max = (uint32_t)draft->address_connections_max;
    config->session_idle_ms = draft->session_idle_ms;
    config->session_max_ms = draft->session_max_ms;
    config->shutdown_grace_ms = (uint32_t)draft->shutdown_grace_ms;
#if SALLYPORT_TEST_SWITCHES
    config->test_clock_speed = (uint32_t)draft->test_clock_speed;
    config->test_retry_speed = (uint32_t)draft->test_retry_speed;
    if (draft->test_name_server != NULL)
        text_copy(config->test_name_server, sizeof config->test_name_server, draft->test_name_server);
    if (draft->test_clock != NULL && !date_unix_ms(draft->test_clock, &config->test_clock_unix_ms))
        fault_below(reading, "server", -1, "test_clock is no time");
#endif
    config->syncs_fully = draft->sync == 0;
    config->store_budget_bytes = draft->budget_bytes;
    config->store_free_min_bytes = draft->free_min_bytes;
    config->retention = retention_of(&draft->limits);
    config->slot_count = (uint32_t)draft->slot_count;
    config->slots_per_account = (uint32_t)draft->slots_per_user;
    config->first_uid = (uint32_t)draft->first_uid;
    if (draft->images_dir != NULL)
        text_copy(config->images_dir, sizeof config->images_dir, draft->images_dir);
    config->quota = quota_of(&draft->quota);
    if (draft->first_uid + 2 * draft->slot_count > UINT32_MAX)
        fault_below(reading, "slots", -1, "first_uid and two ids for each of %u slots go beyond the largest uid",
                    config->slot_count);
}

/* The parts that point into the model's arrays or are made of whole commands. */
static int finish(struct config *config, struct error *err)
{
    struct policy *policy = config->policy;
    for (uint32_t i = 0; i < config->identity_count; i++) {
        struct config_identity *identity = &config->identities[i];
        if (identity->setting.kind != IDENTITY_PEER)
            identity->setting.token_sha256 =
                (struct span){ identity->token_sha256[0], HASH_BYTES * identity->secret_count };
        identity->setting.from = (struct span){ identity->from, NETWORK_PACKED_BYTES * identity->from_count };
    }
    for (uint32_t i = 0; i < config->callback_count; i++) {
        struct config_callback *callback = &config->callbacks[i];
        callback->setting.secret = (struct span){ callback->secrets[0], callback->secret_bytes[0] };
        callback->setting.old_secret = (struct span){ callback->secrets[1], callback->secret_bytes[1] };
        callback->setting.allow_net =
            (struct span){ callback->networks, NETWORK_PACKED_BYTES * callback->network_count };
        callback->setting.fields = (struct span){ callback->fields, callback->fields_bytes };
    }
    routes_finish(config);
    for (uint32_t i = 0; i < config->hook_count; i++) {
        struct config_hook *hook = &config->hooks[i];
        hook->setting.secret = (struct span){ (uint8_t *)hook->secrets[0], (uint32_t)strlen(hook->secrets[0]) };
        hook->setting.old_secret = (struct span){ (uint8_t *)hook->secrets[1], (uint32_t)strlen(hook->secrets[1]) };
    }
    config->public_commands = calloc(policy->command_count + 1, sizeof *config->public_commands);
    if (config->public_commands == NULL)
        return fail(err, ENOMEM, "describe commands");
    for (uint32_t i = 0; i < policy->command_count; i++) {
        config->public_commands[i] =
            public_text(&policy->commands[i], config->command_modes[i], route_find(config, policy->commands[i].name));
        if (config->public_commands[i] == NULL)
            return fail(err, ENOMEM, "describe command '%s'", policy->commands[i].name);
    }
    return 0;
}

/* Each fault was told with its place; this asks those who will judge real requests whether they can work with the whole. */
static void check_whole(struct reading *reading)
{
    struct matcher *matcher = NULL;
    struct error err = { 0 };
    if (matcher_new(reading->config->policy, &matcher, &err) < 0)
        report_fault(reading->report, (struct place){ 0 }, "commands", "%s", err.text);
    else
        follows_try(reading, matcher);
    matcher_free(matcher);
}

static int make_model(struct tree *tree, struct report *report, enum config_owner_check check, bool may_read_files,
                      struct config **ret_config, struct error *err)
{
    struct reading *reading = calloc(1, sizeof *reading);
    struct config *config = config_new();
    if (reading != NULL)
        *reading = (struct reading){ .tree = tree,
                                     .report = report,
                                     .config = config,
                                     .owners = check,
                                     .may_read_files = may_read_files,
                                     .texts = json_array() };
    int done = 0;
    if (reading == NULL || config == NULL || reading->texts == NULL) {
        done = fail(err, ENOMEM, "read configuration");
    } else if (tree->root != NULL) {
        validate(reading);
        take_server(reading);
        tls_take(reading);
        listeners_take(reading);
        hosts_take(reading);
        config->proxy_count =
            networks_take(reading, "server.trusted_proxies", "peers", reading->server.proxies, config->proxies);
        predecessors_check(reading);
        identities_check(reading);
        follows_resolve(reading);
        notices_take(reading);
        if (report->fault_count == 0 && !report->is_out_of_memory)
            check_whole(reading);
    }
    if (done == 0 && report->is_out_of_memory)
        done = fail(err, ENOMEM, "read configuration");
    if (done == 0 && report->fault_count > 0)
        done = fail_plain(err, EINVAL, "the configuration has %u fault%s", report->fault_count,
                          report->fault_count == 1 ? "" : "s");
    if (done == 0)
        done = finish(config, err);
    if (reading != NULL) {
        follows_done(reading);
        free(reading->notice_drafts);
        free(reading->hook_rules);
        json_decref(reading->texts);
    }
    free(reading);
    if (done < 0)
        config_free(config);
    else
        *ret_config = config;
    return done;
}

int config_load(const char *path, enum config_owner_check check, FILE *report_to, struct config **ret_config,
                struct error *err)
{
    struct tree tree = { 0 };
    struct report report = { 0 };
    int done = sources_read(path, check, &tree, &report, err);
    if (done == 0)
        done = make_model(&tree, &report, check, true, ret_config, err);
    report_write(&report, &tree, report_to);
    report_done(&report);
    tree_done(&tree);
    return done;
}

int config_parse(const char *path, const uint8_t *data, size_t size, FILE *report_to, struct config **ret_config,
                 struct error *err)
{
    struct tree tree = { 0 };
    struct report report = { 0 };
    source_read(path, data, size, &tree, &report);
    sources_merge(&tree, &report);
    int done = make_model(&tree, &report, CONFIG_OWNER_ANY, false, ret_config, err);
    report_write(&report, &tree, report_to);
    report_done(&report);
    tree_done(&tree);
    return done;
}
