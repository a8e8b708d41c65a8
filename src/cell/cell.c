/*
 * The recipe. Runs as pid 1 of the job's namespaces, in the cell's own program, and never returns. No allocation, no locks,
 * no logging: a failure goes to the status pipe. The order is the security argument; a step moves only if its note stays
 * true.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

#define LIFTED_FD_LEAST 64 /* above every fixed place, while descriptors change places */

static int status_place = -1; /* where the status pipe is now: it moves to CELL_STATUS on the way */

_Noreturn void cell_fail_code(const char *step, int code, const char *detail)
{
    struct cell_failure failure = { .code = code };
    strncpy(failure.step, step, sizeof failure.step - 1);
    strncpy(failure.detail, detail, sizeof failure.detail - 1);
    ssize_t put = write(status_place, &failure, sizeof failure);
    _exit(put == (ssize_t)sizeof failure ? 126 : 125);
}

_Noreturn void cell_fail(const char *step, const char *detail)
{
    cell_fail_code(step, errno > 0 ? errno : EIO, detail);
}

const char *span_next_text(struct span *span)
{
    const uint8_t *end = span->size > 0 ? memchr(span->data, '\0', span->size) : NULL;
    if (end == NULL)
        return NULL;
    const char *text = (const char *)span->data;
    span->size -= (uint32_t)(end + 1 - span->data);
    span->data = end + 1;
    return text;
}

/* Full power inside the slot's user namespace, and none outside. A slot of a single id has nobody else to become. */
static void become_slot_root(const struct plan *plan)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        cell_fail("hide-memory", "");
    if (!plan->has_single_id) {
        if (syscall(SYS_setgroups, 0, NULL) < 0)
            cell_fail("drop-groups", "");
        if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
            cell_fail("become-slot-root", "");
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        cell_fail("die-with-supervisor", "");
}

static void set_names(const struct plan *plan)
{
    if (has_layer(plan, CELL_LAYER_UTS) && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
        cell_fail("set-hostname", plan->hostname);
    /* A keyring of its own, without a name that a later job could join (keyctl(2)); ENOSYS: a kernel without keyrings. */
    if (has_layer(plan, CELL_LAYER_KEYRING) && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
        errno != ENOSYS)
        cell_fail("new-keyring", "");
}

static void raise_loopback(const struct plan *plan)
{
    if (plan->has_host_network || !has_layer(plan, CELL_LAYER_NET))
        return;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        cell_fail("raise-loopback", "socket");
    struct ifreq request = { .ifr_name = "lo" };
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        cell_fail("raise-loopback", "lo");
    close(fd);
}

/* For a test that shows what a job could do with what lies around here; close-on-exec would hide it. */
static void leak_fds(void)
{
    for (int fd = CELL_FD_COUNT; fd < 2 * LIFTED_FD_LEAST; fd++)
        fcntl(fd, F_SETFD, 0);
}

/* Moves the descriptors that stay to their places, and closes all others. */
static void keep_only_our_fds(const struct plan *plan, const int *fds, const struct cell_ends *ends)
{
    int wanted[CELL_FD_COUNT] = {
        [CELL_STDIN] = fds[CELL_FD_STDIN],
        [CELL_STDOUT] = fds[CELL_FD_STDOUT],
        [CELL_STDERR] = fds[CELL_FD_STDERR],
        [CELL_PROGRAM] = -1,
        [CELL_STATUS] = status_place,
        [CELL_RESULT] = ends->result,
        [CELL_CONTROL] = ends->control,
        [CELL_FILES] = plan->has_files ? fds[CELL_FD_FILES] : -1,
        [CELL_TMP] = ends->tmp,
    };
    for (int i = 0; i < CELL_FD_COUNT; i++)
        if (wanted[i] >= 0 && (wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, LIFTED_FD_LEAST)) < 0)
            cell_fail("lift-descriptor", "");
    status_place = wanted[CELL_STATUS];
    for (int i = 0; i < CELL_FD_COUNT; i++)
        if (wanted[i] >= 0 && dup3(wanted[i], i, i <= CELL_STDERR ? 0 : O_CLOEXEC) < 0)
            cell_fail("place-descriptor", "");
    status_place = CELL_STATUS;
    close(CELL_PROGRAM);
    if (!plan->has_files)
        close(CELL_FILES);
    if (ends->tmp < 0)
        close(CELL_TMP);
    if (!has_layer(plan, CELL_LAYER_FDS))
        leak_fds();
    else if (syscall(SYS_close_range, CELL_FD_COUNT, ~0U, 0) < 0)
        cell_fail("close-descriptors", "");
}

/* Init's half after the job was made. What it no longer needs it lets go, so that the job's pipes end with the job. */
static _Noreturn void stay_as_init(const struct plan *plan, int job_pid)
{
    if (syscall(SYS_close_range, CELL_STDIN, CELL_STATUS, 0) < 0)
        _exit(CELL_INIT_FAILED);
    prctl(PR_SET_NAME, "cell-init", 0, 0, 0);
    cell_drop_to_init(plan);
    init_run(job_pid);
}

_Noreturn void cell_enter(const struct plan *plan, const int *fds, const struct cell_ends *ends)
{
    status_place = ends->status;
    become_slot_root(plan);             /* mounting needs power in our own namespace */
    keep_only_our_fds(plan, fds, ends); /* before the root: nothing opened later can be confused with them */
    cell_build_root(plan);
    set_names(plan);
    raise_loopback(plan);
    cell_open_program(plan);  /* inside the finished root, not before: what a path meant earlier is no matter */
    cell_apply_rlimits(plan); /* after the steps that need more than a job may have */

    /* vfork, because the child does nothing that its parent could miss or mind (job.c), and a fork costs a tenth of a launch. */
    pid_t job_pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (job_pid == 0)
        job_become(plan); /* NOLINT(clang-analyzer-unix.Vfork) never returns: exec or failure */
    if (job_pid < 0)
        cell_fail("make-job", "");
    stay_as_init(plan, job_pid);
}
