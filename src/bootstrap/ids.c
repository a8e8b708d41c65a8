#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"

/* Rootless with a range: ids inside our own user namespace, where nobody else lives. */
#define ROOTLESS_FIRST_SERVICE 1
#define ROOTLESS_FIRST_SLOT    16

/* How many slots the configuration wants in all. */
static uint32_t slots_wanted(const struct config *config)
{
    return config->slot_count + config->slots_per_account * config->policy->account_count;
}

/* The ids that we hand out must belong to nobody: accounts and subordinate ranges are left alone. */
static int check_range_is_free(uint32_t first, uint32_t count, struct error *err)
{
    struct passwd *account;
    int done = 0;
    setpwent();
    while (done == 0 && (account = getpwent()) != NULL)
        if (account->pw_uid >= first && account->pw_uid - first < count)
            done = fail_plain(err, EEXIST,
                              "slots.first_uid: id %u belongs to the account '%s'; choose a range that nobody uses",
                              (unsigned)account->pw_uid, account->pw_name);
    endpwent();
    if (done < 0)
        return done;
    FILE *file = fopen("/etc/subuid", "re");
    if (file == NULL)
        return 0;
    char line[256];
    while (done == 0 && fgets(line, sizeof line, file) != NULL) {
        char *range = strchr(line, ':'), *middle;
        if (range == NULL)
            continue;
        *range++ = '\0';
        unsigned long start = strtoul(range, &middle, 10);
        unsigned long length = *middle == ':' ? strtoul(middle + 1, NULL, 10) : 0;
        if (length > 0 && start < (unsigned long)first + count && first < start + length)
            done = fail_plain(err, EEXIST,
                              "slots.first_uid: the range meets that of '%s' in /etc/subuid; choose another", line);
    }
    fclose(file);
    return done;
}

/* The account made for this process when the package was installed, or an id of our own range. */
static uint32_t service_id(const struct bootstrap *bootstrap, const char *name, uint32_t otherwise)
{
    const struct passwd *account = bootstrap->is_trial ? NULL : getpwnam(name); /* a trial is not the service */
    return account != NULL && account->pw_uid != 0 ? (uint32_t)account->pw_uid : otherwise;
}

int ids_choose(struct bootstrap *bootstrap, struct error *err)
{
    struct ids *ids = &bootstrap->ids;
    uint32_t needed = 2 * slots_wanted(bootstrap->config);
    if (ids->is_single) {
        ids->slot_ids = 1;
        return 0; /* everybody is 0 */
    }
    if (ids->is_rootless) {
        ids->front = ROOTLESS_FIRST_SERVICE;
        ids->keeper = ids->front + 1;
        ids->launcher = ids->front + 2;
        ids->reaper = ids->front + 3;
        ids->notifier = ids->front + 4;
        ids->slots = ROOTLESS_FIRST_SLOT;
        if (ids->slots + needed > ids->slot_ids)
            return fail_plain(
                err, ERANGE,
                "slots.count: %u slots need %u subordinate ids, /etc/subuid gives this user %u; lower slots.count",
                slots_wanted(bootstrap->config), ids->slots + needed, ids->slot_ids);
        return 0;
    }
    uint32_t first = bootstrap->config->first_uid;
    if (first < 1000 || first > UINT32_MAX - 16 - needed)
        return fail_plain(err, ERANGE, "slots.first_uid: %u leaves no room for %u ids", first, needed);
    ids->slots = first;
    ids->slot_ids = needed;
    ids->front = service_id(bootstrap, "sallyport-front", first - 1);
    ids->keeper = service_id(bootstrap, "sallyport-keeper", first - 2);
    ids->launcher = service_id(bootstrap, "sallyport-launcher", first - 3);
    ids->reaper = first - 4;
    ids->notifier = service_id(bootstrap, "sallyport-notifier", first - 5);
    return check_range_is_free(first - 5, needed + 5, err);
}
