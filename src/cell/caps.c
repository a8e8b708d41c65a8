#include "caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

#define CAPS_MOST 64 /* numbers that prctl(2) is asked about; today's kernels end at 40 */

#define SECUREBITS_WANTED                                                                                              \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |                   \
     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int caps_set(uint64_t keep)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = {
        { .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
        { .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
    };
    return (int)syscall(SYS_capset, &head, sets);
}

int caps_empty_bounding_set(void)
{
    for (unsigned long cap = 0; cap < CAPS_MOST; cap++) {
        int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (has < 0)
            return cap > 0 && errno == EINVAL ? 0 : -1; /* the kernel knows no further */
        if (has == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return -1;
    }
    return 0;
}

int caps_lock_securebits(void)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECUREBITS, SECUREBITS_WANTED, 0, 0, 0);
}

/* Whether every capability that the kernel knows is gone from the bounding set; no answer is no. */
static bool bounding_set_is_empty(void)
{
    for (unsigned long cap = 0; cap < CAPS_MOST; cap++) {
        int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        bool is_unknown = has < 0 && errno == EINVAL && cap > 0; /* the kernel knows fewer */
        if (has != 0 && !is_unknown)
            return false;
    }
    return true;
}

/* Asks the kernel what the job really is; the first difference ends the job before it starts. */
static void verify_job(const struct plan *plan)
{
    unsigned real, effective, saved, groups[1];
    if (syscall(SYS_getresuid, &real, &effective, &saved) < 0 || real != plan->uid || effective != plan->uid ||
        saved != plan->uid)
        cell_fail_code("verify", EPERM, "user ids");
    if (syscall(SYS_getresgid, &real, &effective, &saved) < 0 || real != plan->gid || effective != plan->gid ||
        saved != plan->gid)
        cell_fail_code("verify", EPERM, "group ids");
    if (!plan->has_single_id && syscall(SYS_getgroups, 1, groups) != 0)
        cell_fail_code("verify", EPERM, "supplementary groups");

    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &head, sets) < 0)
        cell_fail("verify", "capabilities");
    for (int i = 0; i < 2; i++)
        if ((sets[i].effective | sets[i].permitted | sets[i].inheritable) != 0)
            cell_fail_code("verify", EPERM, "capabilities");
    if (!bounding_set_is_empty())
        cell_fail_code("verify", EPERM, "bounding set");
    if (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != SECUREBITS_WANTED)
        cell_fail_code("verify", EPERM, "securebits");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        cell_fail_code("verify", EPERM, "no_new_privs");
}

/* The order: what needs CAP_SETPCAP first, then what needs CAP_SETGID and CAP_SETUID, then the sets themselves. */
void cell_drop_to_job(const struct plan *plan)
{
    bool keeps_caps = !has_layer(plan, CELL_LAYER_CAPS);
    if (!keeps_caps) {
        if (caps_empty_bounding_set() < 0)
            cell_fail("drop-bounding-set", "");
        if (caps_lock_securebits() < 0)
            cell_fail("lock-securebits", "");
    }
    if (!plan->has_single_id && !keeps_caps) {
        if (syscall(SYS_setgroups, 0, NULL) < 0)
            cell_fail("drop-groups", "");
        if (syscall(SYS_setresgid, plan->gid, plan->gid, plan->gid) < 0)
            cell_fail("set-group-id", "");
        if (syscall(SYS_setresuid, plan->uid, plan->uid, plan->uid) < 0)
            cell_fail("set-user-id", "");
    }
    if (keeps_caps)
        return;
    if (caps_set(0) < 0)
        cell_fail("drop-capabilities", "");
    verify_job(plan);
}

/*
 * Init keeps one capability of the slot's namespace: CAP_KILL, because it passes signals on to processes of another id.
 * It stays the slot's inner root, which the job is not; with a single id it is as little as the job.
 */
void cell_drop_to_init(const struct plan *plan)
{
    (void)plan;
    if (caps_empty_bounding_set() < 0 || caps_lock_securebits() < 0 || caps_set(UINT64_C(1) << CAP_KILL) < 0)
        _exit(CELL_INIT_FAILED);
}
