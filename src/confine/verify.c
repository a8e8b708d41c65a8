/* Reads back from the kernel what the other steps did. By system calls alone: there is no /proc any more. */
#include "sallyport/confine/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "secure.h"
#include "sallyport/base/error.h"

static int verify_ids(uint32_t uid, uint32_t gid, bool keeps_ids, struct error *err)
{
    uid_t uids[3];
    gid_t gids[3];
    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return fail(err, errno, "verify: read our ids");
    for (int i = 0; i < 3; i++) {
        if (uids[i] != uid)
            return fail_plain(err, EPERM, "verify: a user id is %u, not %u", uids[i], uid);
        if (gids[i] != gid)
            return fail_plain(err, EPERM, "verify: a group id is %u, not %u", gids[i], gid);
    }
    int groups = getgroups(0, NULL);
    if (groups != 0 && !keeps_ids)
        return fail_plain(err, EPERM, "verify: %d supplementary groups are left", groups);
    return 0;
}

static int verify_capabilities(struct error *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capget, &head, sets) < 0)
        return fail(err, errno, "verify: read our capabilities");
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if (sets[i].effective != 0 || sets[i].permitted != 0 || sets[i].inheritable != 0)
            return fail_plain(err, EPERM, "verify: capabilities are left: effective %x, permitted %x, inheritable %x",
                              sets[i].effective, sets[i].permitted, sets[i].inheritable);
    }
    for (unsigned long cap = 0; cap < CONFINE_CAP_COUNT_MAX; cap++) {
        /* -1 (EINVAL) for a number that this kernel does not have. */
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0)
            return fail_plain(err, EPERM, "verify: capability %lu is left in the bounding set", cap);
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
            return fail_plain(err, EPERM, "verify: capability %lu is left in the ambient set", cap);
    }
    /* The loop above proves nothing if prctl(2) itself is refused. */
    if (prctl(PR_CAPBSET_READ, 0, 0, 0, 0) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0) < 0)
        return fail(err, errno, "verify: read the bounding and ambient sets");
    return 0;
}

static int verify_switches(struct error *err)
{
    const struct {
        const char *name;
        int is, wanted;
    } switches[] = {
        { "securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), CONFINE_SECUREBITS },
        { "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1 },
        { "dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0 },
        { "seccomp mode", prctl(PR_GET_SECCOMP, 0, 0, 0, 0), SECCOMP_MODE_FILTER },
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (switches[i].is != switches[i].wanted)
            return fail_plain(err, EPERM, "verify: %s is 0x%x, not 0x%x", switches[i].name, (unsigned)switches[i].is,
                              (unsigned)switches[i].wanted);
    }
    return 0;
}

int confine_verify(uint32_t uid, uint32_t gid, bool keeps_ids, struct error *err)
{
    int done = verify_ids(uid, gid, keeps_ids, err);
    if (done == 0)
        done = verify_capabilities(err);
    if (done == 0)
        done = verify_switches(err);
    return done;
}
