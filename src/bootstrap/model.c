/*
 * From a validated configuration to what runs. The first time everything is made; at a reload only what a reload may change:
 * commands and their roots, accounts, who may do what. Listeners and the number of slots stay what they were at the start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "disk.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/proto/settings.h"

/* All that depends on one configuration, before it replaces what is there. */
struct next {
    struct account *accounts;
    uint32_t account_count;
    int templates[ROOT_COUNT_MAX];
    int (*slot_roots)[ROOT_COUNT_MAX]; /* of each slot */
    uint32_t slot_count;
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
    for (uint32_t i = 0; i < next->slot_count; i++)
        fds_close(next->slot_roots[i], ROOT_COUNT_MAX);
    free(next->slot_roots);
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

/* Two names of one disk would leave only the limits of the second. */
static int find_disk(struct command *command, uint32_t index, struct error *err)
{
    struct disk_limit *disk = &command->disks[index];
    int done = disk_identify(disk->path, &disk->device, err);
    for (uint32_t i = 0; done == 0 && i < index; i++)
        if (command->disks[i].device == disk->device) {
            disk->device = 0;
            return fail_plain(err, EEXIST, "'%s' and '%s' are the same disk", command->disks[i].path, disk->path);
        }
    return done;
}

/* What cannot be found keeps its command from running, and no other. Without the controller there is nothing to look for. */
static void find_disks(const struct bootstrap *bootstrap, struct policy *policy)
{
    for (uint32_t i = 0; i < policy->command_count && (bootstrap->groups.controllers & CONTROLLER_IO) != 0; i++) {
        struct command *command = &policy->commands[i];
        for (uint32_t j = 0; j < command->disk_count; j++) {
            struct error err = { 0 };
            if (find_disk(command, j, &err) < 0)
                log_warn("command '%s' cannot run: sandbox.io: %s", command->name, err.text);
        }
    }
}

/* Each slot gets a copy of each template. */
static int copy_templates(struct bootstrap *bootstrap, const struct policy *policy, struct next *next,
                          struct error *err)
{
    next->slot_roots = calloc(bootstrap->slot_count, sizeof *next->slot_roots);
    if (next->slot_roots == NULL)
        return fail(err, ENOMEM, "copy the template roots");
    next->slot_count = bootstrap->slot_count;
    for (uint32_t i = 0; i < next->slot_count; i++)
        for (unsigned root = 0; root < ROOT_COUNT_MAX; root++)
            next->slot_roots[i][root] = -1;
    int done = 0;
    for (uint32_t i = 0; i < next->slot_count; i++)
        for (unsigned root = 0; root < ROOT_COUNT_MAX && done == 0; root++)
            if (next->templates[root] >= 0)
                done = slot_make_root(bootstrap, i, &policy->roots[root], next->templates[root],
                                      &next->slot_roots[i][root], err);
    return done;
}

static int prepare_roots(struct bootstrap *bootstrap, const struct config *config, struct next *next, struct error *err)
{
    int done = 0;
    for (uint32_t root = 0; root < config->policy->root_count && done == 0; root++)
        done = template_make(bootstrap, config->policy, root, &next->templates[root], err);
    if (done == 0)
        done = slots_make(bootstrap, config, err);
    return done < 0 ? done : copy_templates(bootstrap, config->policy, next, err);
}

static int prepare(struct bootstrap *bootstrap, struct config *config, uint32_t generation, struct next *next,
                   struct error *err)
{
    int done = images_prepare(bootstrap, config, err);
    if (done == 0) {
        name_programs(config->policy); /* an image may have named them */
        find_disks(bootstrap, config->policy);
        done = settle_accounts(bootstrap, config->policy, next, err);
    }
    if (done == 0)
        done = filters_compile(bootstrap, config->policy, err);
    if (done < 0)
        return done;
    /* Templates list the accounts in their /etc/passwd, and slots have their ids: the new table is looked at meanwhile. */
    struct account *accounts = bootstrap->accounts;
    uint32_t account_count = bootstrap->account_count;
    bootstrap->accounts = next->accounts;
    bootstrap->account_count = next->account_count;
    done = prepare_roots(bootstrap, config, next, err);
    bootstrap->accounts = accounts;
    bootstrap->account_count = account_count;
    return done < 0 ? done : parts_make(bootstrap, config, generation, next->settings, next->policies, err);
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
    for (uint32_t i = 0; i < bootstrap->slot_count; i++)
        for (unsigned root = 0; root < ROOT_COUNT_MAX; root++) {
            fd_close(&bootstrap->slots[i].roots[root]); /* a job that runs in it keeps it alive */
            bootstrap->slots[i].roots[root] = fd_take(&next->slot_roots[i][root]);
        }
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        bootstrap->settings_fds[i] = fd_take(&next->settings[i]);
        bootstrap->policy_fds[i] = fd_take(&next->policies[i]);
    }
    if (bootstrap->config != config) /* at the start it is there already */
        config_free(bootstrap->config);
    bootstrap->config = config;
    bootstrap->generation = generation;
}

int model_apply(struct bootstrap *bootstrap, struct config *config, bool *ret_has_changed, struct error *err)
{
    struct next next;
    bool is_first = bootstrap->config == config;
    uint32_t generation = bootstrap->generation + 1, old_slot_count = bootstrap->slot_count;
    next_init(&next);
    int done = prepare(bootstrap, config, generation, &next, err);
    if (done == 0) {
        *ret_has_changed = is_first || parts_differ(bootstrap, config, next.settings);
        swap_in(bootstrap, config, generation, &next);
    } else
        slots_drop(bootstrap, old_slot_count); /* those of an account that nobody heard of */
    next_done(&next);
    return done;
}

static bool has_same_listeners(const struct config *left, const struct config *right)
{
    if (left->listener_count != right->listener_count)
        return false;
    for (uint32_t i = 0; i < left->listener_count; i++)
        if (strcmp(left->listeners[i].address, right->listeners[i].address) != 0 ||
            left->listeners[i].is_for_metrics != right->listeners[i].is_for_metrics ||
            left->listeners[i].is_tls != right->listeners[i].is_tls ||
            left->listeners[i].predecessor != right->listeners[i].predecessor)
            return false;
    return true;
}

static void warn(FILE *report, const char *text)
{
    log_warn("configuration: %s", text);
    fprintf(report, "warning: %s\n", text);
}

/* Listeners that stay and speak TLS go on with the certificate that they had. */
static int keep_tls(const struct config *old, struct config *config, FILE *report, struct error *err)
{
    if (old->tls == NULL || config->tls != NULL)
        return 0;
    warn(report, "server.tls is gone; the old listeners stay until a restart, and their certificate with them");
    return config_copy_tls(old, config, err);
}

int model_keep_fixed(const struct bootstrap *bootstrap, struct config *config, FILE *report, struct error *err)
{
    const struct config *old = bootstrap->config;
    if (!has_same_listeners(old, config))
        warn(report,
             "server.listen, server.metrics.listen or what speaks TLS has changed; the old listeners stay until a "
             "restart");
    int done = keep_tls(old, config, report, err);
    if (done < 0)
        return done;
    if (old->slot_count != config->slot_count || old->slots_per_account != config->slots_per_account ||
        old->first_uid != config->first_uid)
        warn(report, "slots have changed; the old number stays until a restart");
    memcpy(config->listeners, old->listeners, sizeof config->listeners);
    config->listener_count = old->listener_count;
    config->slot_count = old->slot_count;
    config->slots_per_account = old->slots_per_account;
    config->first_uid = old->first_uid;
    return 0;
}
