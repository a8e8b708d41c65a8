#include "accounts.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "reading.h"
#include "sallyport/base/text.h"

/* An account's id is a job's id, on the host too: what it may read, the job may read. */
static bool check_account(struct reading *reading, const char *name, const struct passwd *entry)
{
    uint64_t first = reading->server.first_uid, past = first + 2 * reading->server.slot_count;
    if (entry->pw_uid == 0)
        fault_below(reading, "user", -1, "no job runs as root ('%.40s' has uid 0); make an account of its own", name);
    else if (entry->pw_gid == 0)
        fault_below(reading, "user", -1, "the group of '%.40s' is root's (gid 0); give the account a group of its own",
                    name);
    else if (strncmp(name, "sallyport-", 10) == 0)
        fault_below(reading, "user", -1,
                    "'%.40s' is an account of sallyport's own processes, whose files no job may reach", name);
    else if (first > 0 && entry->pw_uid >= first && entry->pw_uid < past)
        fault_below(reading, "user", -1,
                    "uid %u of '%.40s' is among the ids of slots, %llu to %llu; set slots.first_uid elsewhere",
                    (unsigned)entry->pw_uid, name, (unsigned long long)first, (unsigned long long)past - 1);
    else
        return true;
    return false;
}

uint32_t account_find(struct reading *reading, const char *name)
{
    struct policy *policy = reading->config->policy;
    for (uint32_t i = 0; i < policy->account_count; i++)
        if (strcmp(policy->accounts[i].name, name) == 0)
            return i;
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        fault_below(reading, "user", -1, "there is no account '%.40s' on this host (getent passwd lists them)", name);
        return ACCOUNT_NONE;
    }
    if (!check_account(reading, name, entry))
        return ACCOUNT_NONE;
    struct account *account = grow(reading, &policy->accounts, policy->account_count, sizeof *account);
    if (account == NULL)
        return ACCOUNT_NONE;
    text_copy(account->name, sizeof account->name, name);
    account->uid = entry->pw_uid;
    account->gid = entry->pw_gid;
    return policy->account_count++;
}
