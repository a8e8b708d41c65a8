/*
 * The filter of our own processes. The default is ENOSYS, so that a library that tries a newer call falls back; calls
 * that none of our code ever makes, and that only somebody who took the process over would make, end it.
 * libseccomp does the numbers; a name that it or this architecture does not know is left out, which means denied.
 */
#include "sallyport/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "secure.h"
#include "sallyport/base/error.h"

const char *const confine_calls_base[] = {
    /* open descriptors; fcntl has conditions, see below */
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "lseek",
    "close",
    "fstat",
    "fstat64",
    "newfstatat",
    "fcntl",
    "dup",
    "dup3",
    "poll",
    "ppoll",
    /* memory; mmap and mprotect have a condition, see below */
    "brk",
    "munmap",
    "mremap",
    "madvise",
    /* signals to itself, locks of libc, the end; tgkill has a condition */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "restart_syscall",
    "futex",
    "sched_yield",
    "exit",
    "exit_group",
    /* time and chance */
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "nanosleep",
    "gettimeofday",
    "time",
    "getrandom",
    /* who am I; prctl has a condition */
    "getpid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "capget",
    NULL,
};

/* sendto and sendmsg have a condition */
const char *const confine_calls_loop[] = {
    "epoll_create1", "epoll_ctl",      "epoll_wait",      "epoll_pwait",     "epoll_pwait2",
    "eventfd2",      "timerfd_create", "timerfd_settime", "timerfd_gettime", "sendmsg",
    "recvmsg",       "sendto",         "recvfrom",        "getsockopt",      NULL,
};

/* shutdown and setsockopt have conditions */
const char *const confine_calls_listener[] = {
    "accept", "accept4", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", NULL,
};

const char *const confine_calls_files[] = {
    "openat",    "openat2",     "open",       "stat",       "stat64",    "lstat",     "lstat64",
    "fstatat64", "statx",       "statfs",     "fstatfs",    "access",    "faccessat", "faccessat2",
    "getcwd",    "readlink",    "readlinkat", "getdents64", "mkdir",     "mkdirat",   "rmdir",
    "unlink",    "unlinkat",    "rename",     "renameat",   "renameat2", "fsync",     "fdatasync",
    "ftruncate", "ftruncate64", "fallocate",  "flock",      "fchmod",    "utimensat", NULL,
};

/* AddressSanitizer reads its own maps and limits when it reports; none of this is in a release. */
static const char *const sanitizer_calls[] = {
#if defined(__SANITIZE_ADDRESS__)
    "openat", "open", "readlink", "readlinkat", "sched_getaffinity", "prlimit64", "getrlimit", "uname", "getrusage",
#endif
    NULL,
};

static const char *const fatal_calls[] = {
    /* another program, another process */
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    /* another view of the system */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "setns",
    "unshare",
    "open_by_handle_at",
    "name_to_handle_at",
    /* other rights */
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "keyctl",
    "add_key",
    "request_key",
    /* the kernel itself */
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "iopl",
    "ioperm",
    "modify_ldt",
    "vm86",
    "vm86old",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "syslog",
    "lookup_dcookie",
    "mbind",
    "migrate_pages",
    "move_pages",
    NULL,
};

/* prctl(2) may be asked, never told; PR_CAP_AMBIENT has its question in the second argument. */
static const unsigned prctl_questions[] = { PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE,
                                            PR_GET_SECCOMP };

#define NUMBER(argument, number)   SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, number)
#define WITHOUT(argument, forbids) SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, forbids, 0)

/*
 * Calls that a group lists and that are allowed in these forms only. Of a number the kernel takes 32 bits, whatever stands above.
 *
 * A process without socket(2) and connect(2) still connects out if it can make a listener an unconnected socket again, which
 * shutdown(2) of its reading side does, and then send with MSG_FASTOPEN, at which no Landlock looks. The same shutdown would end
 * the listener for whoever gets it next. SO_LINGER would make the last who closes a connection wait, and that may be the keeper.
 */
static const struct bounded_call {
    const char *name;
    unsigned count;
    struct scmp_arg_cmp arguments[2];
} bounded_calls[] = {
    { "sendto", 1, { WITHOUT(3, MSG_FASTOPEN) } },
    { "sendmsg", 1, { WITHOUT(2, MSG_FASTOPEN) } },
    { "shutdown", 1, { NUMBER(1, SHUT_WR) } },
    { "setsockopt", 2, { NUMBER(1, IPPROTO_TCP), NUMBER(2, TCP_NODELAY) } },
    /* No owner who gets signals, no lease, no watch. */
    { "fcntl", 1, { NUMBER(1, F_DUPFD) } },
    { "fcntl", 1, { NUMBER(1, F_DUPFD_CLOEXEC) } },
    { "fcntl", 1, { NUMBER(1, F_GETFD) } },
    { "fcntl", 1, { NUMBER(1, F_SETFD) } },
    { "fcntl", 1, { NUMBER(1, F_GETFL) } },
    { "fcntl", 1, { NUMBER(1, F_SETFL) } },
    { "fcntl", 1, { NUMBER(1, F_GETLK) } },
    { "fcntl", 1, { NUMBER(1, F_SETLK) } },
    { "fcntl", 1, { NUMBER(1, F_SETLKW) } },
    { "fcntl", 1, { NUMBER(1, F_SETPIPE_SZ) } },
    { "fcntl", 1, { NUMBER(1, F_GETPIPE_SZ) } },
    { "fcntl", 1, { NUMBER(1, F_ADD_SEALS) } },
    { "fcntl", 1, { NUMBER(1, F_GET_SEALS) } },
};

static int add_rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
                    const struct scmp_arg_cmp *arguments, struct error *err)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number < 0)
        return 0;
    int done = seccomp_rule_add_array(filter, action, number, count, arguments);
    if (done < 0 && done != -EEXIST)
        return fail(err, -done, "seccomp: rule for %s", name);
    return 0;
}

static int add_allowed(scmp_filter_ctx filter, const char *name, struct error *err)
{
    bool is_bounded = false;
    for (size_t i = 0; i < sizeof bounded_calls / sizeof bounded_calls[0]; i++) {
        const struct bounded_call *call = &bounded_calls[i];
        if (strcmp(call->name, name) != 0)
            continue;
        is_bounded = true;
        int done = add_rule(filter, SCMP_ACT_ALLOW, name, call->count, call->arguments, err);
        if (done < 0)
            return done;
    }
    return is_bounded ? 0 : add_rule(filter, SCMP_ACT_ALLOW, name, 0, NULL, err);
}

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const names[], struct error *err)
{
    int done = 0;
    for (unsigned i = 0; names[i] != NULL && done == 0; i++)
        done = action == SCMP_ACT_ALLOW ? add_allowed(filter, names[i], err)
                                        : add_rule(filter, action, names[i], 0, NULL, err);
    return done;
}

/* Calls that are harmless only with some arguments. */
static int add_conditions(scmp_filter_ctx filter, struct error *err)
{
    const struct {
        const char *name;
        unsigned count;
        struct scmp_arg_cmp arguments[2];
    } rules[] = {
        /* No new code after start-up. */
        { "mmap", 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) } },
        { "mmap2", 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) } },
        { "mprotect", 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) } },
        /* abort(3) ends ourselves, nobody else; no fork is possible, so the number stays ours. */
        { "tgkill", 1, { SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()) } },
        /* How much is readable, which libevent asks. */
        { "ioctl", 1, { SCMP_A1(SCMP_CMP_EQ, FIONREAD) } },
        { "prctl", 2, { SCMP_A0(SCMP_CMP_EQ, PR_CAP_AMBIENT), SCMP_A1(SCMP_CMP_EQ, PR_CAP_AMBIENT_IS_SET) } },
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        int done = add_rule(filter, SCMP_ACT_ALLOW, rules[i].name, rules[i].count, rules[i].arguments, err);
        if (done < 0)
            return done;
    }
    for (size_t i = 0; i < sizeof prctl_questions / sizeof prctl_questions[0]; i++) {
        struct scmp_arg_cmp question = SCMP_A0(SCMP_CMP_EQ, prctl_questions[i]);
        int done = add_rule(filter, SCMP_ACT_ALLOW, "prctl", 1, &question, err);
        if (done < 0)
            return done;
    }
    return 0;
}

/* The process's own; the kernel takes 32 bits of each, whatever stands above them. */
static int add_own_conditions(scmp_filter_ctx filter, const struct confine_condition *conditions, struct error *err)
{
    for (; conditions != NULL && conditions->name != NULL; conditions++) {
        struct scmp_arg_cmp arguments[CONFINE_ARGUMENTS];
        unsigned count = 0;
        for (unsigned i = 0; i < CONFINE_ARGUMENTS; i++)
            if (conditions->arguments[i].mask != 0)
                arguments[count++] =
                    SCMP_CMP(i, SCMP_CMP_MASKED_EQ, conditions->arguments[i].mask, conditions->arguments[i].value);
        int done = add_rule(filter, SCMP_ACT_ALLOW, conditions->name, count, arguments, err);
        if (done < 0)
            return done;
    }
    return 0;
}

static int fill(scmp_filter_ctx filter, const char *const *groups[], unsigned group_count,
                const struct confine_condition *conditions, struct error *err)
{
    int done = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (done == 0)
        done = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (done < 0)
        return fail(err, -done, "seccomp: attributes");
    done = add_names(filter, SCMP_ACT_KILL_PROCESS, fatal_calls, err);
    for (unsigned i = 0; done == 0 && i < group_count; i++)
        done = add_names(filter, SCMP_ACT_ALLOW, groups[i], err);
    if (done == 0)
        done = add_names(filter, SCMP_ACT_ALLOW, sanitizer_calls, err);
    if (done == 0)
        done = add_conditions(filter, err);
    if (done == 0)
        done = add_own_conditions(filter, conditions, err);
    return done;
}

int confine_syscalls(const char *const *groups[], unsigned group_count, struct error *err)
{
    return confine_syscalls_if(groups, group_count, NULL, err);
}

int confine_syscalls_if(const char *const *groups[], unsigned group_count, const struct confine_condition *conditions,
                        struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return fail(err, ENOMEM, "seccomp: make a filter");
    int done = fill(filter, groups, group_count, conditions, err);
    if (done == 0) {
        done = seccomp_load(filter);
        if (done < 0)
            done = fail(err, -done, "seccomp: load the filter");
    }
    seccomp_release(filter);
    if (done == 0)
        confine_end_leak_check();
    return done;
}
