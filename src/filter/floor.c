/*
 * The hard floor. A call is on it because it reaches past the job: it changes the host, other processes or the walls
 * themselves, or because its arguments are behind a pointer, where no filter can look (clone3, io_uring).
 */
#include "floor.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "profile.h"
#include "sallyport/base/error.h"

/* unshare(2) takes CLONE_NEWTIME too; in clone(2) the same bit belongs to the signal's number. */
#define NEW_NAMESPACES                                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define NEW_TIME 0x00000080u

static const char *const never[] = {
    "acct",
    "add_key",
    "adjtimex",
    "afs_syscall",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "clone3",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "open_tree_attr",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "syslog",
    "umount",
    "umount2",
    "userfaultfd",
    "uselib",
    "vhangup",
    "vm86",
    "vm86old",
};

static const struct comparison *find_comparison(const struct rule *rule, uint8_t index)
{
    for (uint32_t i = 0; i < rule->comparison_count; i++)
        if (rule->comparisons[i].index == index)
            return &rule->comparisons[i];
    return NULL;
}

/* Whether the rule lets exactly one value of this 32-bit argument through. */
static bool is_pinned(const struct rule *rule, uint8_t index, uint32_t *ret_value)
{
    const struct comparison *comparison = find_comparison(rule, index);
    if (comparison == NULL || (uint32_t)comparison->mask != UINT32_MAX)
        return false;
    *ret_value = (uint32_t)comparison->value;
    return true;
}

static int check_new_namespaces(const struct rule *rule, uint64_t bits, struct error *err)
{
    const struct comparison *flags = find_comparison(rule, 0);
    if (flags != NULL && (flags->mask & bits) == bits && (flags->value & bits) == 0)
        return 0;
    return fail_plain(err, EPERM,
                      "%s may be allowed only where no CLONE_NEW flag is set (argument 0 masked by %#llx is 0)",
                      rule->name, (unsigned long long)bits);
}

static int check_clone(const struct rule *rule, struct error *err)
{
    return check_new_namespaces(rule, NEW_NAMESPACES, err);
}

static int check_unshare(const struct rule *rule, struct error *err)
{
    return check_new_namespaces(rule, NEW_NAMESPACES | NEW_TIME, err);
}

/* Families that a job may have a socket of. All others are kernel code that few need and many exploits used. */
static int check_socket(const struct rule *rule, struct error *err)
{
    uint32_t family, protocol;
    if (!is_pinned(rule, 0, &family))
        return fail_plain(err, EPERM, "%s may be allowed only for one family at a time (argument 0 equal to it)",
                          rule->name);
    if (family == AF_NETLINK && (!is_pinned(rule, 2, &protocol) || protocol != NETLINK_ROUTE))
        return fail_plain(err, EPERM, "%s: of AF_NETLINK only NETLINK_ROUTE may be allowed (argument 2 equal to 0)",
                          rule->name);
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
        return fail_plain(err, EPERM, "%s: family %u may not be allowed", rule->name, family);
    return 0;
}

/* These put words into a terminal's input or change what a terminal is. */
static int check_ioctl(const struct rule *rule, struct error *err)
{
    static const uint32_t forbidden[] = { TIOCSTI, TIOCLINUX, TIOCSETD };
    uint32_t request;
    if (!is_pinned(rule, 1, &request))
        return fail_plain(err, EPERM, "ioctl may be allowed only for one request at a time (argument 1 equal to it)");
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        if (request == forbidden[i])
            return fail_plain(err, EPERM, "ioctl request %#x may not be allowed", request);
    return 0;
}

static const struct {
    const char *name;
    int (*check)(const struct rule *, struct error *);
} conditional[] = {
    { "clone", check_clone },       { "unshare", check_unshare }, { "socket", check_socket },
    { "socketpair", check_socket }, { "ioctl", check_ioctl },
};

int floor_check(const struct rule *rule, struct error *err)
{
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strcmp(rule->name, never[i]) == 0)
            return fail_plain(err, EPERM, "%s may not be allowed by any profile", rule->name);
    for (size_t i = 0; i < sizeof conditional / sizeof conditional[0]; i++)
        if (strcmp(rule->name, conditional[i].name) == 0)
            return conditional[i].check(rule, err);
    return 0;
}
