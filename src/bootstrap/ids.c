#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/host_range.h"

/* Rootless with a range: ids inside our own user namespace, where nobody else lives. */
#define ROOTLESS_FIRST_SERVICE 1
#define ROOTLESS_FIRST_SLOT    16

/* How many slots the configuration wants in all. */
static uint32_t slots_wanted(const struct config *config)
{
    return config->slot_count + config->slots_per_account * config->policy->account_count;
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
    return host_range_check(first - HOST_SERVICE_IDS, needed + HOST_SERVICE_IDS, err);
}
