#include "lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "workers.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/confine/confine.h"
#include "sallyport/proto/messages.h"

#define OPEN_FILES_MAX 16384 /* six for each running job, one for each answer that waits, and the database's */

static const char *const keeper_calls[] = {
    "splice",                      /* pipes to logs */
    "sendfile",    "memfd_create", /* standard input to its file and back */
    "getsockname",                 /* who sits behind a unix connection */
    "pwritev",     "preadv",       "fallocate", "sync_file_range", NULL,
};

static const char *const unlinker_calls[] = { "unlinkat", NULL };

static const char *const *unlinker_groups[] = { confine_calls_base, unlinker_calls };
static const char *const *verifier_groups[] = { confine_calls_base }; /* memory, its two pipes, and nothing else */
static const char *const *call_groups[] = { confine_calls_base, confine_calls_loop, confine_calls_files, keeper_calls };

/* Before the ids change: only root may raise the hard limit. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    struct rlimit wanted = { OPEN_FILES_MAX, limit.rlim_max > OPEN_FILES_MAX ? limit.rlim_max : OPEN_FILES_MAX };
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return;
    wanted = (struct rlimit){ limit.rlim_max, limit.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &wanted) < 0)
        log_warn("the limit of open files stays at %llu; many jobs at once may meet it",
                 (unsigned long long)limit.rlim_cur);
}

/* A thread has our ids, our empty sets and our Landlock rules from its birth. */
static int confine_thread(const char *const **groups, unsigned count, const struct msg_become *become,
                          struct error *err)
{
    int done = confine_syscalls(groups, count, err);
    return done < 0 ? done : confine_verify(become->uid, become->gid, become->keeps_ids, err);
}

static int confine_unlinker(const void *arg, struct error *err)
{
    return confine_thread(unlinker_groups, sizeof unlinker_groups / sizeof unlinker_groups[0], arg, err);
}

static int confine_verifier(const void *arg, struct error *err)
{
    return confine_thread(verifier_groups, sizeof verifier_groups / sizeof verifier_groups[0], arg, err);
}

/*
 * The directory that we were handed has the bootstrap's lock as long as it is open, and knows the way out of our root. The one
 * that is opened here does not, and has a lock of its own before the other goes: no next sallyportd finds a moment without.
 */
static int root_open(int *state_fd, int *ret_root_fd, struct error *err)
{
    auto_fd int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return fail(err, errno, "open the state directory as '/'");
    while (flock(root_fd, LOCK_SH | LOCK_NB) < 0)
        if (errno != EINTR)
            return fail(err, errno, "lock the state directory");
    fd_close(state_fd);
    *ret_root_fd = fd_take(&root_fd);
    return 0;
}

int keeper_lockdown(const struct msg_become *become, int *state_fd, int *ret_root_fd, struct workers *ret_workers,
                    struct error *err)
{
    uint32_t landlock_abi = 0;
    raise_open_files();
    int done = confine_root(*state_fd, err); /* the state directory is all there is */
    if (done == 0)
        done = confine_become(become->uid, become->gid, become->keeps_ids, err);
    auto_fd int root_fd = -1;
    if (done == 0)
        done = root_open(state_fd, &root_fd, err);
    if (done == 0) /* files there, and nothing else: no network, no other process */
        done = confine_landlock(root_fd, &landlock_abi, err);
    struct workers workers = { 0 };
    if (done == 0)
        done = unlinker_start(root_fd, confine_unlinker, become, &workers.unlinker, err);
    if (done == 0) /* the last thread: our filter makes no other */
        done = verifier_start(confine_verifier, become, &workers.verifier, err);
    if (done == 0)
        done = confine_syscalls(call_groups, sizeof call_groups / sizeof call_groups[0], err);
    if (done == 0)
        done = confine_verify(become->uid, become->gid, become->keeps_ids, err);
    if (done < 0) {
        workers_stop(&workers);
        return done;
    }
    *ret_workers = workers;
    *ret_root_fd = fd_take(&root_fd);
    return 0;
}
