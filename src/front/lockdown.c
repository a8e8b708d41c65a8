#include "lockdown.h"

#include <time.h>

#include <jansson.h>

#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/confine/confine.h"
#include "sallyport/proto/messages.h"

/* Besides what every process needs: the stdin of a job becomes a sealed memory file. */
static const char *const front_calls[] = { "memfd_create", "fchmod", NULL };

int front_lock_down(const struct msg_become *become, struct error *err)
{
    /* What reads files once must do so while there are any. */
    tzset();
    json_object_seed(0);

    int done = confine_root(-1, err); /* an empty root: needs power, so it comes first */
    if (done == 0)
        done = confine_become(become->uid, become->gid, become->keeps_ids, err);
    uint32_t landlock_abi = 0;
    if (done == 0)
        done = confine_landlock(-1, &landlock_abi, err); /* no file, no connection out, no signal to others */
    const char *const *groups[] = { confine_calls_base, confine_calls_loop, confine_calls_listener, front_calls };
    if (done == 0)
        done = confine_syscalls(groups, sizeof groups / sizeof groups[0], err); /* last: the steps above need more */
    if (done == 0)
        done = confine_verify(become->uid, become->gid, become->keeps_ids, err);
    if (done < 0)
        return fail_in(err, "lock down");
    if (landlock_abi == 0)
        log_warn("this kernel has no Landlock; the empty root and the system call filter hold alone");
    return 0;
}
