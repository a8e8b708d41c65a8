#include "confinement.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum power { POWER_NONE, POWER_KILL, POWER_IN_ITS_SLOT, POWER_BOOTSTRAP };

#define CELL_SPACES                                                                                                    \
    (SPACE_BIT(SPACE_USER) | SPACE_BIT(SPACE_MNT) | SPACE_BIT(SPACE_PID) | SPACE_BIT(SPACE_IPC) |                      \
     SPACE_BIT(SPACE_UTS) | SPACE_BIT(SPACE_CGROUP))

/*
 * `filters` come on top of those that a service manager gave to the bootstrap. A job may share the host's network, when its
 * command says so. What a tree says that may be written to is the configuration's to know; a root itself is never writable.
 */
static const struct expectation {
    enum power power;
    bool has_filter;
    uint32_t filters;
    uint32_t own_spaces, may_own_spaces;
    bool is_host_view;    /* the bootstrap's own tree */
    const char *writable; /* all that may be; NULL: anything but the root */
} expectations[ROLE_COUNT] = {
    [ROLE_BOOTSTRAP] = { POWER_BOOTSTRAP, .is_host_view = true },
    [ROLE_FRONT] = { POWER_NONE, true, 1, SPACE_BIT(SPACE_MNT), .writable = "" },
    [ROLE_KEEPER] = { POWER_NONE, true, 1, SPACE_BIT(SPACE_MNT), .writable = "/" },
    [ROLE_LAUNCHER] = { POWER_NONE, true, 1, SPACE_BIT(SPACE_MNT) | SPACE_BIT(SPACE_PID), .writable = "" },
    [ROLE_NOTIFIER] = { POWER_NONE, true, 1, SPACE_BIT(SPACE_MNT), .writable = "" },
    [ROLE_REAPER] = { POWER_NONE, false, 0, SPACE_BIT(SPACE_PID), .is_host_view = true },
    [ROLE_SUPERVISOR] = { POWER_IN_ITS_SLOT, true, 1,
                          .own_spaces = SPACE_BIT(SPACE_USER) | SPACE_BIT(SPACE_MNT) | SPACE_BIT(SPACE_PID) },
    [ROLE_INIT] = { POWER_KILL, true, 2, CELL_SPACES, .may_own_spaces = SPACE_BIT(SPACE_NET) },
    [ROLE_JOB] = { POWER_NONE, true, 2, CELL_SPACES, .may_own_spaces = SPACE_BIT(SPACE_NET) },
};

struct check {
    const struct instance *instance;
    const struct process *process;
    difference_teller *tell;
    void *whose;
    unsigned count;
};

__attribute__((format(printf, 2, 3))) static void differ(struct check *check, const char *format, ...)
{
    char sentence[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    check->tell(check->whose, check->process, sentence);
    check->count++;
}

static bool is_root_mode(const struct instance *instance)
{
    return instance->processes[0].credentials.uids[1] == 0;
}

static void check_capabilities(struct check *check)
{
    static const char *const names[SET_COUNT] = {
        [SET_INHERITABLE] = "inheritable", [SET_PERMITTED] = "permitted", [SET_EFFECTIVE] = "effective",
        [SET_BOUNDING] = "bounding",       [SET_AMBIENT] = "ambient",
    };
    enum power power = expectations[check->process->role].power;
    const uint64_t *sets = check->process->credentials.capabilities;
    uint64_t kill_only = UINT64_C(1) << CAP_KILL;
    for (size_t i = 0; i < SET_COUNT; i++) {
        bool is_active = i == SET_PERMITTED || i == SET_EFFECTIVE;
        bool may_be_any = (power == POWER_IN_ITS_SLOT || power == POWER_BOOTSTRAP) && (is_active || i == SET_BOUNDING);
        uint64_t expected = power == POWER_KILL && is_active ? kill_only : 0;
        if (!may_be_any && sets[i] != expected)
            differ(check, "its %s set is %llx and not %llx", names[i], (unsigned long long)sets[i],
                   (unsigned long long)expected);
    }
}

static void check_ids(struct check *check)
{
    const struct credentials *has = &check->process->credentials;
    for (size_t i = 1; i < 4; i++)
        if (has->uids[i] != has->uids[0] || has->gids[i] != has->gids[0])
            differ(check, "its real, effective and saved ids are not one");
    if (check->process->role == ROLE_BOOTSTRAP || !is_root_mode(check->instance))
        return;
    if (has->uids[0] == 0 || has->gids[0] == 0)
        differ(check, "it has an id of root");
    if (has->group_count > 0)
        differ(check, "it is in %u supplementary groups", has->group_count);
}

static void check_seccomp(struct check *check)
{
    const struct expectation *expected = &expectations[check->process->role];
    const struct credentials *has = &check->process->credentials;
    uint32_t given = check->instance->processes[0].credentials.filter_count;
    if (has->no_new_privs != 1)
        differ(check, "it could gain privileges: no_new_privs is not set");
    if (expected->has_filter && has->seccomp_mode != SECCOMP_MODE_FILTER)
        differ(check, "it has no seccomp filter");
    if (has->filter_count != given + expected->filters && check->process->role != ROLE_BOOTSTRAP)
        differ(check, "it has %u seccomp filters and not %u", has->filter_count, given + expected->filters);
}

static void check_spaces(struct check *check)
{
    const struct expectation *expected = &expectations[check->process->role];
    if (!check->process->has_spaces) {
        differ(check, "its namespaces are not shown to this user; ask as root");
        return;
    }
    for (size_t i = 0; i < SPACE_COUNT; i++) {
        uint32_t bit = SPACE_BIT(i), own = check->process->own_spaces;
        if ((expected->own_spaces & bit) != 0 && (own & bit) == 0)
            differ(check, "it shares the %s namespace of sallyportd", space_names[i]);
        if (((expected->own_spaces | expected->may_own_spaces) & bit) == 0 && (own & bit) != 0)
            differ(check, "it is in another %s namespace than sallyportd", space_names[i]);
    }
}

static void check_writable(struct check *check)
{
    const struct expectation *expected = &expectations[check->process->role];
    const struct process *process = check->process;
    if (expected->is_host_view)
        return;
    if (!process->has_mounts) {
        differ(check, "its mounts are not shown to this user; ask as root");
        return;
    }
    if (process->writable_count > WRITABLE_MAX)
        differ(check, "%u mounts can be written to", process->writable_count);
    for (uint32_t i = 0; i < process->writable_count && i < WRITABLE_MAX; i++) {
        const char *path = process->writable[i] == NULL ? "?" : process->writable[i];
        bool is_fine = expected->writable == NULL ? strcmp(path, "/") != 0 : strcmp(path, expected->writable) == 0;
        if (!is_fine)
            differ(check, "'%s' can be written to", path);
    }
}

unsigned confinement_check(const struct instance *instance, const struct process *process, difference_teller *tell,
                           void *whose)
{
    static void (*const checks[])(struct check *) = { check_capabilities, check_ids, check_seccomp, check_spaces,
                                                      check_writable };
    struct check check = { .instance = instance, .process = process, .tell = tell, .whose = whose };
    if (process->role == ROLE_UNKNOWN) {
        differ(&check, "it is a child of sallyportd and no process of ours");
        return check.count;
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](&check);
    return check.count;
}

/* Whether these two may have one uid. Supervisors have the launcher's; jobs of one account share it. */
static bool may_share_id(const struct process *one, const struct process *other)
{
    bool is_launchers = (one->role == ROLE_LAUNCHER || one->role == ROLE_SUPERVISOR) &&
                        (other->role == ROLE_LAUNCHER || other->role == ROLE_SUPERVISOR);
    return is_launchers || (one->role == ROLE_JOB && other->role == ROLE_JOB);
}

unsigned confinement_check_all(const struct instance *instance, difference_teller *tell, void *whose)
{
    static const enum role needed[] = { ROLE_FRONT, ROLE_KEEPER, ROLE_LAUNCHER, ROLE_REAPER, ROLE_SUPERVISOR };
    struct check check = { .instance = instance, .process = &instance->processes[0], .tell = tell, .whose = whose };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        uint32_t found = 0;
        for (uint32_t j = 0; j < instance->count; j++)
            found += instance->processes[j].role == needed[i];
        if (found == 0 || (needed[i] != ROLE_SUPERVISOR && found > 1))
            differ(&check, "it has %u processes that are a %s", found, role_names[needed[i]]);
    }
    for (uint32_t i = 0; i < instance->count && is_root_mode(instance); i++)
        for (uint32_t j = i + 1; j < instance->count; j++) {
            const struct process *one = &instance->processes[i], *other = &instance->processes[j];
            check.process = other;
            if (one->credentials.uids[0] == other->credentials.uids[0] && !may_share_id(one, other))
                differ(&check, "it has the uid of %s %d", role_names[one->role], (int)one->pid);
        }
    return check.count;
}
