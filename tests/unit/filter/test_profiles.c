/* What the shipped profiles say. Expectations are written by hand and not taken from the files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "interpret.h"
#include "shipped.h"

#define ALLOW        SECCOMP_RET_ALLOW
#define KILL         SECCOMP_RET_KILL_PROCESS
#define REFUSE(code) (SECCOMP_RET_ERRNO | (code))
#define NOSYS        REFUSE(ENOSYS)
#define PERM         REFUSE(EPERM)

static uint32_t run(const struct compiled *compiled, int number, const uint64_t args[6])
{
    struct seccomp_data data = { .nr = number, .arch = filter_native_arch() };
    for (int i = 0; args != NULL && i < 6; i++)
        data.args[i] = args[i];
    uint32_t verdict = 0;
    int done = bpf_run((const struct sock_filter *)(const void *)compiled->bytes,
                       compiled->size / sizeof(struct sock_filter), &data, &verdict);
    cr_expect_eq(done, 0);
    return verdict;
}

Test(profiles, compile_within_the_limits)
{
    for (size_t i = 0; profile_names[i] != NULL; i++) {
        struct compiled compiled = compiled_profile(profile_names[i]);
        cr_expect_leq(compiled.size / 8, FILTER_INSTRUCTIONS_MAX / 2, "%s: %u instructions", profile_names[i],
                      compiled.size / 8);
        free(compiled.bytes);
    }
}

/* Columns: strict, base, net, build, and the supervisor's. */
struct expectation {
    const char *what;
    int number;
    uint64_t args[6];
    uint32_t verdicts[5];
};

#define SAME(verdict, above)                                                                                           \
    {                                                                                                                  \
        verdict, verdict, verdict, verdict, above                                                                      \
    }
#define HIGH UINT64_C(0x100000000)
#define TOP  UINT64_C(0x8000000000000000)

static const struct expectation expectations[] = {
    { "read", SYS_read, { 0 }, SAME(ALLOW, ALLOW) },
    { "write", SYS_write, { 0 }, SAME(ALLOW, ALLOW) },
    { "our exec", SYS_execveat, { 5, 0, 0, 0, AT_EMPTY_PATH }, SAME(ALLOW, ALLOW) },
    { "exec by path", SYS_execveat, { 5 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "execve", SYS_execve, { 0 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "clone of a thread",
      SYS_clone,
      { CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD },
      { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "clone of a child", SYS_clone, { 17 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "clone, new user", SYS_clone, { CLONE_NEWUSER | 17 }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new mount", SYS_clone, { CLONE_NEWNS }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new cgroup", SYS_clone, { CLONE_NEWCGROUP }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new uts", SYS_clone, { CLONE_NEWUTS }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new ipc", SYS_clone, { CLONE_NEWIPC }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new pid", SYS_clone, { CLONE_NEWPID }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new net", SYS_clone, { CLONE_NEWNET }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone, new user, bit 32", SYS_clone, { CLONE_NEWUSER | HIGH }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "clone3", SYS_clone3, { 0 }, SAME(NOSYS, ALLOW) },
    { "unshare user", SYS_unshare, { CLONE_NEWUSER }, SAME(KILL, ALLOW) },
    { "unshare user, bit 63", SYS_unshare, { CLONE_NEWUSER | TOP }, SAME(KILL, ALLOW) },
    { "unshare time", SYS_unshare, { 0x80 }, SAME(KILL, ALLOW) },
    { "unshare nothing", SYS_unshare, { 0 }, SAME(NOSYS, ALLOW) },
    { "setns", SYS_setns, { 0 }, SAME(KILL, ALLOW) },
    { "mount", SYS_mount, { 0 }, SAME(KILL, ALLOW) },
    { "pivot_root", SYS_pivot_root, { 0 }, SAME(KILL, ALLOW) },
    { "bpf", SYS_bpf, { 0 }, SAME(KILL, NOSYS) },
    { "open_tree_attr", 467, { 0 }, SAME(KILL, NOSYS) },
    { "perf_event_open", SYS_perf_event_open, { 0 }, SAME(KILL, NOSYS) },
    { "open_by_handle_at", SYS_open_by_handle_at, { 0 }, SAME(KILL, NOSYS) },
    { "ptrace", SYS_ptrace, { 0 }, { KILL, KILL, KILL, PERM, NOSYS } },
    { "process_vm_writev", SYS_process_vm_writev, { 0 }, SAME(KILL, NOSYS) },
    { "init_module", SYS_init_module, { 0 }, SAME(KILL, NOSYS) },
    { "kexec_load", SYS_kexec_load, { 0 }, SAME(KILL, NOSYS) },
    { "chroot", SYS_chroot, { 0 }, SAME(PERM, NOSYS) },
    { "keyctl", SYS_keyctl, { 0 }, SAME(PERM, ALLOW) },
    { "add_key", SYS_add_key, { 0 }, SAME(PERM, NOSYS) },
    { "setuid", SYS_setuid, { 0 }, { PERM, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "setresuid", SYS_setresuid, { 0 }, { PERM, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "setgroups", SYS_setgroups, { 0 }, SAME(PERM, ALLOW) },
    { "capset", SYS_capset, { 0 }, SAME(PERM, ALLOW) },
    { "io_uring_setup", SYS_io_uring_setup, { 0 }, SAME(NOSYS, NOSYS) },
    { "userfaultfd", SYS_userfaultfd, { 0 }, SAME(NOSYS, NOSYS) },
    { "statmount", 457, { 0 }, SAME(NOSYS, NOSYS) },
    { "a call of the future", 600, { 0 }, SAME(NOSYS, NOSYS) },
    { "seccomp", SYS_seccomp, { 1 }, SAME(NOSYS, ALLOW) },
    { "landlock_create_ruleset", SYS_landlock_create_ruleset, { 0 }, SAME(NOSYS, ALLOW) },
    { "memfd_create", SYS_memfd_create, { 0 }, { NOSYS, NOSYS, NOSYS, ALLOW, ALLOW } },
    { "kill", SYS_kill, { 0 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "unlink", SYS_unlink, { 0 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "open to read", SYS_openat, { 0, 0, O_RDONLY | O_CLOEXEC }, SAME(ALLOW, ALLOW) },
    { "open to write", SYS_openat, { 0, 0, O_WRONLY }, { REFUSE(EACCES), ALLOW, ALLOW, ALLOW, ALLOW } },
    { "open and make", SYS_openat, { 0, 0, O_CREAT }, { REFUSE(EACCES), ALLOW, ALLOW, ALLOW, ALLOW } },
    { "open and make, bit 32", SYS_openat, { 0, 0, O_CREAT | HIGH }, { REFUSE(EACCES), ALLOW, ALLOW, ALLOW, ALLOW } },
    { "open a nameless file",
      SYS_openat,
      { 0, 0, O_TMPFILE | O_RDWR },
      { REFUSE(EACCES), ALLOW, ALLOW, ALLOW, ALLOW } },
    { "openat2", SYS_openat2, { 0 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "limits, asked", SYS_prlimit64, { 0, 7, 0, 4096 }, SAME(ALLOW, ALLOW) },
    { "limits, set", SYS_prlimit64, { 0, 7, 4096, 0 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "mmap rw", SYS_mmap, { 0, 4096, PROT_READ | PROT_WRITE }, SAME(ALLOW, ALLOW) },
    { "mmap rx", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC }, SAME(ALLOW, ALLOW) },
    { "mmap rwx",
      SYS_mmap,
      { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC },
      { REFUSE(EACCES), REFUSE(EACCES), REFUSE(EACCES), ALLOW, ALLOW } },
    { "mmap wx, bit 32",
      SYS_mmap,
      { 0, 4096, PROT_WRITE | PROT_EXEC | HIGH },
      { REFUSE(EACCES), REFUSE(EACCES), REFUSE(EACCES), ALLOW, ALLOW } },
    { "mprotect r", SYS_mprotect, { 0, 4096, PROT_READ }, SAME(ALLOW, ALLOW) },
    { "mprotect rx",
      SYS_mprotect,
      { 0, 4096, PROT_READ | PROT_EXEC },
      { REFUSE(EACCES), REFUSE(EACCES), REFUSE(EACCES), ALLOW, ALLOW } },
    { "pkey_mprotect", SYS_pkey_mprotect, { 0, 4096, PROT_READ }, { NOSYS, NOSYS, NOSYS, ALLOW, ALLOW } },
    { "personality, asked", SYS_personality, { 0xffffffff }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "personality, sign-extended", SYS_personality, { UINT64_MAX }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "personality, changed", SYS_personality, { 0x0400000 }, { NOSYS, NOSYS, NOSYS, NOSYS, ALLOW } },
    { "fcntl lock", SYS_fcntl, { 0, F_SETLK }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "fcntl flags", SYS_fcntl, { 0, F_GETFD }, SAME(ALLOW, ALLOW) },
    { "fcntl lease", SYS_fcntl, { 0, 1024 }, SAME(NOSYS, ALLOW) },
    { "fcntl notify", SYS_fcntl, { 0, 1026 }, SAME(NOSYS, ALLOW) },
    { "fcntl lease, bit 32", SYS_fcntl, { 0, 1024 | HIGH }, SAME(NOSYS, ALLOW) },
    { "ioctl TCGETS", SYS_ioctl, { 0, TCGETS }, SAME(ALLOW, ALLOW) },
    { "ioctl TIOCSTI", SYS_ioctl, { 0, TIOCSTI }, SAME(KILL, ALLOW) },
    { "ioctl TIOCSTI, bit 32", SYS_ioctl, { 0, TIOCSTI | HIGH }, SAME(KILL, ALLOW) },
    { "ioctl TIOCSTI, bit 63", SYS_ioctl, { 0, TIOCSTI | TOP }, SAME(KILL, ALLOW) },
    { "ioctl TIOCLINUX, bit 32", SYS_ioctl, { 0, TIOCLINUX | HIGH }, SAME(KILL, ALLOW) },
    { "ioctl TIOCSETD", SYS_ioctl, { 0, TIOCSETD | HIGH }, SAME(PERM, ALLOW) },
    { "ioctl of interfaces", SYS_ioctl, { 0, 0x8912 }, { NOSYS, NOSYS, ALLOW, ALLOW, ALLOW } },
    { "ioctl FICLONE", SYS_ioctl, { 0, 0x40049409 }, SAME(NOSYS, ALLOW) },
    { "prctl PR_SET_NAME", SYS_prctl, { PR_SET_NAME }, SAME(ALLOW, ALLOW) },
    { "prctl undumpable", SYS_prctl, { PR_SET_DUMPABLE, 0 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "prctl dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 }, SAME(NOSYS, ALLOW) },
    { "prctl dumpable, bit 32", SYS_prctl, { PR_SET_DUMPABLE | HIGH, 1 }, SAME(NOSYS, ALLOW) },
    { "prctl PR_SET_SECCOMP", SYS_prctl, { PR_SET_SECCOMP, 2 }, SAME(NOSYS, ALLOW) },
    { "prctl PR_SET_MM", SYS_prctl, { PR_SET_MM }, SAME(NOSYS, ALLOW) },
    { "prctl PR_SET_SECUREBITS", SYS_prctl, { PR_SET_SECUREBITS }, SAME(NOSYS, ALLOW) },
    { "mknod of a pipe", SYS_mknodat, { 0, 0, S_IFIFO | 0600 }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "mknod of a disk", SYS_mknodat, { 0, 0, S_IFBLK | 0600 }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "mknod of a terminal, bit 32", SYS_mknodat, { 0, 0, S_IFCHR | 0600 | HIGH }, { NOSYS, PERM, PERM, PERM, ALLOW } },
    { "AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "TCP",
      SYS_socket,
      { AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0 },
      { NOSYS, REFUSE(EAFNOSUPPORT), ALLOW, ALLOW, ALLOW } },
    { "TCP by name",
      SYS_socket,
      { AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 6 },
      { NOSYS, REFUSE(EAFNOSUPPORT), ALLOW, ALLOW, ALLOW } },
    { "UDP", SYS_socket, { AF_INET, SOCK_DGRAM, 17 }, { NOSYS, REFUSE(EAFNOSUPPORT), ALLOW, ALLOW, ALLOW } },
    { "SCTP", SYS_socket, { AF_INET, SOCK_STREAM, 132 }, { NOSYS, REFUSE(EAFNOSUPPORT), NOSYS, NOSYS, ALLOW } },
    { "MPTCP",
      SYS_socket,
      { AF_INET, SOCK_STREAM, 262 },
      { NOSYS, REFUSE(EAFNOSUPPORT), REFUSE(EPROTONOSUPPORT), REFUSE(EPROTONOSUPPORT), ALLOW } },
    { "ping", SYS_socket, { AF_INET, SOCK_DGRAM, 1 }, { NOSYS, REFUSE(EAFNOSUPPORT), NOSYS, NOSYS, ALLOW } },
    { "raw", SYS_socket, { AF_INET, SOCK_RAW, 1 }, { NOSYS, REFUSE(EAFNOSUPPORT), PERM, PERM, ALLOW } },
    { "route",
      SYS_socket,
      { AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 },
      { NOSYS, REFUSE(EAFNOSUPPORT), ALLOW, ALLOW, ALLOW } },
    { "netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 }, { NOSYS, REFUSE(EAFNOSUPPORT), NOSYS, NOSYS, ALLOW } },
    { "AF_ALG", SYS_socket, { 38, SOCK_SEQPACKET }, SAME(KILL, ALLOW) },
    { "AF_ALG, bit 32", SYS_socket, { 38 | HIGH, SOCK_SEQPACKET }, SAME(KILL, ALLOW) },
    { "AF_VSOCK, bit 63", SYS_socket, { 40 | TOP, SOCK_STREAM }, SAME(KILL, ALLOW) },
    { "AF_PACKET", SYS_socket, { AF_PACKET, SOCK_RAW }, SAME(KILL, ALLOW) },
    { "AF_BLUETOOTH", SYS_socket, { 31, SOCK_RAW }, SAME(NOSYS, ALLOW) },
    { "AF_UNIX, bit 32", SYS_socket, { AF_UNIX | HIGH, SOCK_STREAM }, SAME(NOSYS, ALLOW) },
    { "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM }, { NOSYS, ALLOW, ALLOW, ALLOW, ALLOW } },
    { "socketpair of TIPC", SYS_socketpair, { 30, SOCK_STREAM }, SAME(NOSYS, ALLOW) },
};

Test(profiles, answer_as_intended)
{
    struct compiled compiled[5];
    for (size_t i = 0; i < 4; i++)
        compiled[i] = compiled_profile(profile_names[i]);
    compiled[4] = compiled_supervisor();
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const struct expectation *wanted = &expectations[i];
        for (size_t j = 0; j < 5; j++) {
            uint32_t verdict = run(&compiled[j], wanted->number, wanted->args);
            cr_expect_eq(verdict, wanted->verdicts[j], "%s in %s: %#x instead of %#x", wanted->what,
                         j < 4 ? profile_names[j] : "supervisor", verdict, wanted->verdicts[j]);
        }
    }
    for (size_t i = 0; i < 5; i++)
        free(compiled[i].bytes);
}

Test(profiles, allow_no_socket_family_but_those_that_are_listed)
{
    static const char *const names[] = { "base", "net", "build" };
    for (size_t i = 0; i < 3; i++) {
        struct compiled compiled = compiled_profile(names[i]);
        for (uint64_t family = 0; family < 64; family++) {
            for (uint64_t type = 0; type < 16; type++) {
                for (uint64_t high = 0; high < 3; high++) {
                    uint64_t bits = high == 0 ? 0 : high == 1 ? HIGH : TOP;
                    bool is_allowed = run(&compiled, SYS_socket, (uint64_t[6]){ family | bits, type, 0 }) == ALLOW;
                    bool is_net = i > 0 && (((family == AF_INET || family == AF_INET6) && (type == 1 || type == 2)) ||
                                            (family == AF_NETLINK && (type == 2 || type == 3)));
                    cr_expect_eq(is_allowed, bits == 0 && (family == AF_UNIX || is_net), "%s: %lu %lu %lu", names[i],
                                 family, type, high);
                }
            }
        }
        free(compiled.bytes);
    }
}

Test(profiles, grow_from_strict_to_build)
{
    struct profile *profiles[4];
    for (size_t i = 0; i < 4; i++)
        profiles[i] = shipped_profile(profile_names[i]);
    for (size_t i = 0; i + 1 < 4; i++) {
        for (uint32_t j = 0; j < profiles[i]->rule_count; j++) {
            const struct rule *rule = &profiles[i]->rules[j];
            if (rule->verdict != ALLOW)
                continue;
            struct seccomp_data data = { .nr = (int)rule->number, .arch = filter_native_arch() };
            for (uint32_t k = 0; k < rule->comparison_count; k++)
                data.args[rule->comparisons[k].index] = rule->comparisons[k].value;
            cr_expect_eq(profile_verdict(profiles[i + 1], &data), ALLOW, "%s allows %s and %s does not",
                         profile_names[i], rule->name, profile_names[i + 1]);
        }
    }
    for (size_t i = 0; i < 4; i++)
        profile_free(profiles[i]);
}

Test(profiles, kill_foreign_architectures_and_abis)
{
    for (size_t i = 0; i < 5; i++) {
        struct compiled compiled = i < 4 ? compiled_profile(profile_names[i]) : compiled_supervisor();
        for (int number = 0; number < 512; number++) {
            cr_expect_eq(run(&compiled, number | 0x40000000, NULL), KILL);
            struct seccomp_data data = { .nr = number, .arch = AUDIT_ARCH_I386 };
            uint32_t verdict = 0;
            bpf_run((const struct sock_filter *)(const void *)compiled.bytes, compiled.size / 8, &data, &verdict);
            cr_expect_eq(verdict, KILL);
        }
        free(compiled.bytes);
    }
}

Test(profiles, supervisor_allows_what_any_profile_allows_and_never_kills_a_number)
{
    struct compiled above = compiled_supervisor();
    for (size_t i = 0; i < 4; i++) {
        struct profile *profile = shipped_profile(profile_names[i]);
        for (uint32_t j = 0; j < profile->rule_count; j++)
            if (profile->rules[j].verdict == ALLOW)
                cr_expect_eq(run(&above, (int)profile->rules[j].number, NULL), ALLOW, "%s", profile->rules[j].name);
        profile_free(profile);
    }
    for (int number = 0; number < 1024; number++)
        cr_expect_neq(run(&above, number, NULL), KILL);
    free(above.bytes);
}

Test(profiles, supervisor_needs_no_profile)
{
    struct compiled compiled = { 0 };
    struct error err = { 0 };
    cr_assert_eq(profile_compile_supervisor(NULL, 0, &compiled.bytes, &compiled.size, &err), 0, "%s", err.text);
    cr_expect_eq(run(&compiled, SYS_execveat, NULL), ALLOW);
    cr_expect_eq(run(&compiled, SYS_chroot, NULL), NOSYS);
    free(compiled.bytes);
}

Test(profiles, are_found_by_name_only)
{
    static const char *const names[] = { "../base", "base.json", "", "Base", "/etc/passwd", "." };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct profile *profile = NULL;
        cr_expect_eq(profile_load(AT_FDCWD, names[i], &profile, NULL), -EINVAL);
    }
    struct profile *profile = NULL;
    struct error err = { 0 };
    cr_expect_eq(profile_load(AT_FDCWD, "no-such", &profile, &err), -ENOENT);
    cr_expect(strstr(err.text, "no-such.json") != NULL);
}
