/*
 * The order is the argument:
 *   1. The bounding set goes while CAP_SETPCAP is there; without it libcap-ng reports success and drops nothing.
 *   2. The securebits are locked before the ids change. NO_SETUID_FIXUP keeps the capabilities across setresuid(2), so
 *      KEEP_CAPS can be locked off from the start; capng_change_id() wants to set it, which is why it is not used.
 *   3. Groups, then gid, then uid: the earlier ones need what the later ones take.
 *   4. All capability sets. From here on nothing of the above can be undone.
 *   5. What setresuid(2) and the kernel may have reset: dumpable. And no_new_privs, so that no exec gives anything back.
 */
#include "sallyport/confine/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secure.h"
#include "sallyport/base/error.h"

#if defined(__SANITIZE_ADDRESS__)
static int is_confined;

/* It asks this first. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_confined;
}

void confine_end_leak_check(void)
{
    is_confined = 1;
}
#else
void confine_end_leak_check(void)
{
}
#endif

static int drop_bounding_set(struct error *err)
{
    /* The library remembers one process's state; after a raw clone it would be another's. */
    capng_setpid(gettid());
    if (capng_get_caps_process() < 0)
        return fail_plain(err, EPERM, "read our own capabilities");
    capng_clear(CAPNG_SELECT_BOUNDS);
    if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
        return fail_plain(err, EPERM, "empty the bounding set");
    return 0;
}

static int change_ids(uint32_t uid, uint32_t gid, struct error *err)
{
    if (setgroups(0, NULL) < 0)
        return fail(err, errno, "drop supplementary groups");
    if (setresgid(gid, gid, gid) < 0)
        return fail(err, errno, "become group %u", gid);
    if (setresuid(uid, uid, uid) < 0)
        return fail(err, errno, "become user %u", uid);
    return 0;
}

static int drop_capabilities(struct error *err)
{
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return fail_plain(err, EPERM, "empty the capability sets");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail(err, errno, "empty the ambient set");
    return 0;
}

int confine_become(uint32_t uid, uint32_t gid, bool keeps_ids, struct error *err)
{
    umask(077);
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) < 0)
        return fail(err, errno, "forbid core dumps");

    int done = drop_bounding_set(err);
    if (done < 0)
        return done;
    if (prctl(PR_SET_SECUREBITS, CONFINE_SECUREBITS, 0, 0, 0) < 0)
        return fail(err, errno, "lock the securebits");
    if (!keeps_ids && (done = change_ids(uid, gid, err)) < 0)
        return done;
    done = drop_capabilities(err);
    if (done < 0)
        return done;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(err, errno, "set no_new_privs");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail(err, errno, "become non-dumpable");
    confine_end_leak_check();
    return 0;
}
