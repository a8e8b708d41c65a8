/*
 * From a validated configuration to what runs. The first time everything is made; at a reload only what a reload may change:
 * commands and their roots, accounts, who may do what. Listeners and the number of slots stay what they were at the start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

/* All that depends on one configuration, before it replaces what is there. */
struct next {
    struct account *accounts;
    uint32_t account_count;
    int templates[ROOT_COUNT_MAX];
    int settings[PROCESS_COUNT], policies[PROCESS_COUNT];
};

static void fds_close(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
}

static void next_done(struct next *next)
{
    free(next->accounts);
    fds_close(next->templates, ROOT_COUNT_MAX);
    fds_close(next->settings, PROCESS_COUNT);
    fds_close(next->policies, PROCESS_COUNT);
}

static void next_init(struct next *next)
{
    *next = (struct next){ 0 };
    for (unsigned i = 0; i < ROOT_COUNT_MAX; i++)
        next->templates[i] = -1;
    for (unsigned i = 0; i < PROCESS_COUNT; i++)
        next->settings[i] = next->policies[i] = -1;
}

/*
 * Slots belong to accounts by index, and live on through reloads: an account keeps its index for ever, new ones come behind, and
 * the policy is rewritten to match.
 */
static int settle_accounts(const struct bootstrap *bootstrap, struct policy *policy, struct next *next,
                           struct error *err)
{
    uint32_t most = bootstrap->account_count + policy->account_count;
    uint32_t *places = calloc(policy->account_count + 1, sizeof *places);
    next->accounts = calloc(most + 1, sizeof *next->accounts);
    struct account *copy = calloc(most + 1, sizeof *copy);
    if (next->accounts == NULL || places == NULL || copy == NULL) {
        free(places);
        free(copy);
        return fail(err, ENOMEM, "settle accounts");
    }
    next->account_count = bootstrap->account_count;
    if (bootstrap->account_count > 0)
        memcpy(next->accounts, bootstrap->accounts, bootstrap->account_count * sizeof *next->accounts);
    for (uint32_t i = 0; i < policy->account_count; i++) {
        const struct account *wanted = &policy->accounts[i];
        uint32_t place = 0;
        while (place < next->account_count &&
               (next->accounts[place].uid != wanted->uid || next->accounts[place].gid != wanted->gid))
            place++;
        if (place == next->account_count)
            next->accounts[next->account_count++] = *wanted;
        places[i] = place;
    }
    for (uint32_t i = 0; i < policy->command_count; i++)
        if (policy->commands[i].account != ACCOUNT_NONE)
            policy->commands[i].account = places[policy->commands[i].account];
    memcpy(copy, next->accounts, next->account_count * sizeof *copy);
    free(policy->accounts);
    policy->accounts = copy;
    policy->account_count = next->account_count;
    free(places);
    return 0;
}

/* The program is the first element of the argv template: literal, absolute and short enough, the validator has seen to it. */
static void name_programs(struct policy *policy)
{
    for (uint32_t i = 0; i < policy->command_count; i++) {
        struct command *command = &policy->commands[i];
        if (command_is_sequence(command))
            continue;
        snprintf(command->program, sizeof command->program, "%s", command->arguments[0].pieces[0].literal);
    }
}

static int prepare(struct bootstrap *bootstrap, struct config *config, uint32_t generation, struct next *next,
                   struct error *err)
{
    name_programs(config->policy);
    int done = settle_accounts(bootstrap, config->policy, next, err);
    if (done == 0)
        done = filters_compile(bootstrap, config->policy, err);
    /* Templates list the accounts in their /etc/passwd: the new table is looked at while they are built. */
    struct account *accounts = bootstrap->accounts;
    uint32_t account_count = bootstrap->account_count;
    bootstrap->accounts = next->accounts;
    bootstrap->account_count = next->account_count;
    for (uint32_t root = 0; root < config->policy->root_count && done == 0; root++)
        done = template_make(bootstrap, config->policy, root, &next->templates[root], err);
    bootstrap->accounts = accounts;
    bootstrap->account_count = account_count;
    return done < 0 ? done : parts_make(bootstrap, config, generation, next->settings, next->policies, err);
}

/* Each slot gets a copy of each template. Old copies are closed: a job that runs in one keeps it alive. */
static int renew_slot_roots(struct bootstrap *bootstrap, struct error *err)
{
    for (uint32_t i = 0; i < bootstrap->slot_count; i++)
        for (unsigned root = 0; root < ROOT_COUNT_MAX; root++) {
            fd_close(&bootstrap->slots[i].roots[root]);
            if (bootstrap->template_fds[root] < 0)
                continue;
            int done = slot_make_root(bootstrap, &bootstrap->slots[i], bootstrap->template_fds[root],
                                      &bootstrap->slots[i].roots[root], err);
            if (done < 0)
                return done;
        }
    return 0;
}

static void swap_in(struct bootstrap *bootstrap, struct config *config, uint32_t generation, struct next *next)
{
    free(bootstrap->accounts);
    bootstrap->accounts = next->accounts;
    bootstrap->account_count = next->account_count;
    next->accounts = NULL;
    fds_close(bootstrap->template_fds, ROOT_COUNT_MAX);
    fds_close(bootstrap->settings_fds, PROCESS_COUNT);
    fds_close(bootstrap->policy_fds, PROCESS_COUNT);
    for (unsigned i = 0; i < ROOT_COUNT_MAX; i++)
        bootstrap->template_fds[i] = fd_take(&next->templates[i]);
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        bootstrap->settings_fds[i] = fd_take(&next->settings[i]);
        bootstrap->policy_fds[i] = fd_take(&next->policies[i]);
    }
    config_free(bootstrap->config);
    bootstrap->config = config;
    bootstrap->generation = generation;
}

int model_apply(struct bootstrap *bootstrap, struct config *config, struct error *err)
{
    struct next next;
    uint32_t generation = bootstrap->generation + 1;
    next_init(&next);
    int done = prepare(bootstrap, config, generation, &next, err);
    if (done == 0) {
        bool is_first = bootstrap->config == config;
        if (is_first)
            bootstrap->config = NULL;
        swap_in(bootstrap, config, generation, &next);
        done = slots_make(bootstrap, err);
        if (done == 0)
            done = renew_slot_roots(bootstrap, err);
    }
    next_done(&next);
    return done;
}

static bool has_same_listeners(const struct config *left, const struct config *right)
{
    if (left->listener_count != right->listener_count)
        return false;
    for (uint32_t i = 0; i < left->listener_count; i++)
        if (strcmp(left->listeners[i].address, right->listeners[i].address) != 0 ||
            left->listeners[i].is_for_metrics != right->listeners[i].is_for_metrics)
            return false;
    return true;
}

/* What a reload cannot change is kept, and said. */
static void keep_fixed(const struct bootstrap *bootstrap, struct config *config)
{
    const struct config *old = bootstrap->config;
    if (!has_same_listeners(old, config))
        log_warn("configuration: server.listen or server.metrics.listen has changed; the old listeners stay until a "
                 "restart");
    if (old->slot_count != config->slot_count || old->slots_per_account != config->slots_per_account ||
        old->first_uid != config->first_uid)
        log_warn("configuration: slots have changed; the old number stays until a restart");
    memcpy(config->listeners, old->listeners, sizeof config->listeners);
    config->listener_count = old->listener_count;
    config->slot_count = old->slot_count;
    config->slots_per_account = old->slots_per_account;
    config->first_uid = old->first_uid;
}

static void tell_launcher(struct bootstrap *bootstrap, uint32_t old_slot_count, struct error *err)
{
    for (uint32_t i = 0; i < bootstrap->slot_count && err->code == 0; i++)
        if (i >= old_slot_count)
            supervisor_start(bootstrap, i);
        else
            world_hand_roots(bootstrap, i, err);
}

/*
 * Tells each child that is there; one that is not gets all of it at its start. Slots and roots go first, so that the launcher has
 * them when the policy that names them comes.
 */
static void tell_all(struct bootstrap *bootstrap, uint32_t old_slot_count)
{
    static const enum process order[] = { PROCESS_LAUNCHER, PROCESS_KEEPER, PROCESS_FRONT };
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct error err = { 0 };
        if (bootstrap->children[order[i]].pid == 0)
            continue;
        if (order[i] == PROCESS_LAUNCHER)
            tell_launcher(bootstrap, old_slot_count, &err);
        if (err.code == 0)
            child_hand_parts(bootstrap, order[i], &err);
        if (err.code != 0)
            log_warn("%s; its end starts it anew, with the new configuration", err.text);
    }
}

void model_reload(struct bootstrap *bootstrap)
{
    struct error err = { 0 };
    struct config *config = NULL;
    uint32_t old_slot_count = bootstrap->slot_count;
    char *faults = NULL;
    size_t size = 0;
    FILE *report = open_memstream(&faults, &size);
    if (report == NULL)
        return;
    enum config_owner_check check = bootstrap->ids.is_rootless ? CONFIG_OWNER_SELF : CONFIG_OWNER_ROOT;
    int done = config_load(bootstrap->config_path, check, report, &config, &err);
    fclose(report);
    if (done == 0) {
        keep_fixed(bootstrap, config);
        done = model_apply(bootstrap, config, &err);
        if (done == 0)
            tell_all(bootstrap, old_slot_count);
        else if (bootstrap->config != config)
            config_free(config);
    }
    if (done == 0)
        log_info("configuration %s was reloaded; it is generation %u", bootstrap->config_path, bootstrap->generation);
    else
        log_error("configuration %s was not reloaded and the old one stays: %s%s", bootstrap->config_path, err.text,
                  faults);
    free(faults);
}
