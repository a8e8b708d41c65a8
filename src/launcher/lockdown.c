/*
 * What the launcher gives up before it takes its first order. It keeps: its sockets, the namespace descriptors of the
 * slots, a start record that it can only append to, and one directory of control groups below which it may make, write
 * and remove. The order is the argument:
 *
 *   an empty root        while CAP_SYS_ADMIN is there
 *   ids, capabilities    from here on nothing above can be undone
 *   Landlock             needs no_new_privs, which the step before set. Full: supervisors are our siblings, so no job
 *                        inherits this; a job under any file rule could not be built
 *   system calls         last: the steps above make calls that the filter ends us for
 */
#include "launcher.h"

#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/confine/confine.h"

#define LANDLOCK_ABI_COMPLETE 6

/* Beside what every process with a loop needs: control groups' files, and pipes for jobs. No socket, no process, no mount. */
static const char *const launcher_calls[] = {
    "openat", "mkdirat", "unlinkat", "faccessat", "faccessat2", "pipe2", NULL
};

int launcher_lock_down(const struct launcher *launcher, struct error *err)
{
    const struct msg_become *become = &launcher->become;
    const char *const *groups[] = { confine_calls_base, confine_calls_loop, launcher_calls };
    uint32_t abi = 0;
    int done = confine_root(-1, err);
    if (done == 0)
        done = confine_become(become->uid, become->gid, become->keeps_ids, err);
    if (done == 0)
        done = confine_landlock(launcher->cgroup_fd, &abi, err);
    if (done == 0)
        done = confine_syscalls(groups, sizeof groups / sizeof groups[0], err);
    if (done == 0)
        done = confine_verify(become->uid, become->gid, become->keeps_ids, err);
    if (done < 0)
        return fail_in(err, "lock down");
    if (abi < LANDLOCK_ABI_COMPLETE)
        log_warn("Landlock ABI %u of this kernel does not cover signals and abstract sockets; going on without", abi);
    return 0;
}
