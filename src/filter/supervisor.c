/*
 * The filter of slot supervisors. A supervisor loads it once it stands in its slot's namespaces, and every job's init and
 * every job inherit it; a job then loads its own profile on top. Of several filters the strictest verdict wins, in the
 * kernel's order KILL, ERRNO, ALLOW, so this one:
 *
 *   - allows whatever some profile allows, with any argument: the profile on top looks at the arguments;
 *   - allows what setting up a cell takes (the list below). All of that happens before the job's own filter is there, and
 *     all of it is refused by that filter;
 *   - answers the rest with ENOSYS. What a profile answers with KILL needs no place here: if this filter says ENOSYS and
 *     the profile KILL, KILL wins, and that ends only the job. This filter itself never kills for a number, because it
 *     would turn a profile's mere refusal into the end of the job;
 *   - kills foreign architectures and ABIs, as every profile does.
 */
#include <errno.h>
#include <string.h>

#include "profile.h"
#include "syscalls.h"
#include "sallyport/base/error.h"

/* What the cell's program calls between the moment when the filter is loaded and the job's exec, and its init after it. */
static const char *const set_up_calls[] = {
    /* namespaces and the new root */
    "setns",
    "unshare",
    "clone",
    "clone3",
    "vfork",
    "fork",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "mount",
    "umount2",
    "pivot_root",
    "sethostname",
    "chdir",
    "fchdir",
    "mkdir",
    "mkdirat",
    "symlinkat",
    "mknodat",
    "unlinkat",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "umask",
    /* giving rights up, and reading back that they are gone */
    "setresuid",
    "setresgid",
    "setgroups",
    "getresuid",
    "getresgid",
    "getgroups",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "capget",
    "capset",
    "prctl",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    "keyctl",
    "prlimit64",
    "setrlimit",
    "getrlimit",
    "setpriority",
    "getpriority",
    "ioprio_set",
    "sched_setscheduler",
    "sched_setattr",
    "personality",
    /* descriptors */
    "open",
    "openat",
    "openat2",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "read",
    "readv",
    "pread64",
    "write",
    "writev",
    "pwrite64",
    "lseek",
    "fstat",
    "newfstatat",
    "statx",
    "fstatfs",
    "statfs",
    "readlink",
    "readlinkat",
    "faccessat",
    "faccessat2",
    "ftruncate",
    "memfd_create",
    "pipe2",
    "getdents64",
    "getcwd",
    /* the launcher's socket; the loopback interface is brought up by an ioctl on a socket */
    "socket",
    "socketpair",
    "ioctl",
    "sendmsg",
    "recvmsg",
    "sendto",
    "recvfrom",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "getsockname",
    "poll",
    "ppoll",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "signalfd4",
    /* processes and signals */
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "wait4",
    "waitid",
    "kill",
    "tgkill",
    "tkill",
    "pidfd_open",
    "pidfd_send_signal",
    "getpid",
    "getppid",
    "gettid",
    "setsid",
    "setpgid",
    "getpgid",
    "getsid",
    "getpgrp",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "rt_sigpending",
    "sigaltstack",
    "getrusage",
    "restart_syscall",
    /* what any static program calls by itself */
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "arch_prctl",
    "set_tid_address",
    "set_robust_list",
    "rseq",
    "futex",
    "getrandom",
    "uname",
    "sched_yield",
    "sched_getaffinity",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
};

static bool is_allowed(const struct profile *supervisor, uint32_t number)
{
    for (uint32_t i = 0; i < supervisor->rule_count; i++)
        if (supervisor->rules[i].number == number)
            return true;
    return false;
}

static int allow(struct profile *supervisor, const char *name, uint32_t number, struct error *err)
{
    struct rule rule = { .number = number, .verdict = SECCOMP_RET_ALLOW };
    if (is_allowed(supervisor, number))
        return 0;
    strncpy(rule.name, name, sizeof rule.name - 1);
    return profile_add(supervisor, &rule, err);
}

static int allow_set_up(struct profile *supervisor, struct error *err)
{
    int done = 0;
    for (size_t i = 0; i < sizeof set_up_calls / sizeof set_up_calls[0] && done == 0; i++) {
        uint32_t number;
        if (syscall_find(set_up_calls[i], &number) == SYSCALL_HERE)
            done = allow(supervisor, set_up_calls[i], number, err);
    }
    return done;
}

static int allow_profile(struct profile *supervisor, const struct profile *profile, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < profile->rule_count && done == 0; i++)
        if (profile->rules[i].verdict == SECCOMP_RET_ALLOW)
            done = allow(supervisor, profile->rules[i].name, profile->rules[i].number, err);
    return done;
}

int profile_compile_supervisor(struct profile *const *profiles, uint32_t count, uint8_t **ret_program,
                               uint32_t *ret_bytes, struct error *err)
{
    struct profile *supervisor = profile_new("supervisor", SECCOMP_RET_ERRNO | ENOSYS);
    if (supervisor == NULL)
        return fail(err, ENOMEM, "supervisor's filter");
    int done = allow_set_up(supervisor, err);
    for (uint32_t i = 0; i < count && done == 0; i++)
        done = allow_profile(supervisor, profiles[i], err);
    if (done == 0)
        done = profile_compile(supervisor, ret_program, ret_bytes, err);
    profile_free(supervisor);
    return done;
}
