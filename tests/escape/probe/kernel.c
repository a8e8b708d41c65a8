/*
 * The surface of the kernel: foreign calls, foreign argument widths, calls that no job needs.
 */
#include "probe.h"

#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH_BIT (1L << 32) /* invisible to the kernel where it takes an int; visible to a careless filter */

static int splice_pages(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int ends[2];
    char text[] = "page";
    struct iovec data = { text, sizeof text };
    if (pipe2(ends, O_CLOEXEC) < 0)
        return broken("pipe: %s", strerror(errno));
    return judge(vmsplice(ends[1], &data, 1, 0), "vmsplice memory into a pipe");
}

static int int80(int argc, char **argv)
{
    (void)argc;
    (void)argv;
#ifdef __x86_64__
    long pid;
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20L /* getpid of i386 */) : "memory", "r8", "r9", "r10", "r11");
    if (pid == -ENOSYS)
        return cannot("this kernel has no 32-bit calls");
    return pid > 0 ? worked("a 32-bit getpid said %ld", pid) : blocked((int)-pid, "a 32-bit getpid");
#else
    return cannot("x86 only");
#endif
}

static int execute(void *argument)
{
    char *path = argument;
    execl(path, path, NULL);
    return errno;
}

static int foreign_program(int argc, char **argv)
{
    (void)argc;
    int fate = in_child(execute, argv[0]);
    if (fate == 0)
        return worked("a 32-bit program ran to its end");
    if (fate == DIED_BY + SIGSYS)
        return blocked(ENOSYS, "its first call ended it (SIGSYS)");
    if (fate == ENOEXEC)
        return cannot("this kernel runs no 32-bit programs");
    return fate > DIED_BY ? blocked(EPERM, "signal %d", fate - DIED_BY) : blocked(fate, "execute it");
}

static int x32(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    long pid = syscall(0x40000000 | SYS_getpid);
    if (pid < 0 && errno == ENOSYS)
        return cannot("this kernel has no x32 calls");
    return judge(pid, "an x32 getpid");
}

/* Below: whatever answer shows that the kernel looked at the call means that the filter let it through. */
static int reached_kernel(long result, const char *what)
{
    if (result < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES || errno == EAFNOSUPPORT))
        return blocked(errno, "%s", what);
    return worked("%s reached the kernel: %s", what, result < 0 ? strerrorname_np(errno) : "done");
}

static int high_socket(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return reached_kernel(syscall(SYS_socket, AF_VSOCK | HIGH_BIT, (long)SOCK_STREAM, 0L), "socket of AF_VSOCK + 2^32");
}

static int high_fcntl(int argc, char **argv)
{
    int fd = open(argc > 0 ? argv[0] : "/tmp/probe-high-lease", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return broken("make a file: %s", strerror(errno));
    return reached_kernel(syscall(SYS_fcntl, (long)fd, F_SETLEASE | HIGH_BIT, (long)F_RDLCK),
                          "fcntl of F_SETLEASE + 2^32");
}

static int high_ioctl(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return reached_kernel(syscall(SYS_ioctl, 0L, TIOCSTI | HIGH_BIT, "x"), "ioctl of TIOCSTI + 2^32");
}

static int high_prctl(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return reached_kernel(syscall(SYS_prctl, PR_SET_PTRACER | HIGH_BIT, 0L, 0L, 0L, 0L),
                          "prctl of PR_SET_PTRACER + 2^32");
}

static int trace(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pid_t child = sleeping_child();
    if (child < 0)
        return broken("fork: %s", strerror(errno));
    return judge(ptrace(PTRACE_SEIZE, child, NULL, NULL), "trace another process");
}

static char written_here[] = "before";

static int write_other_memory(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char text[] = "after!";
    struct iovec local = { text, sizeof text }, remote = { written_here, sizeof text };
    pid_t child = sleeping_child();
    if (child < 0)
        return broken("fork: %s", strerror(errno));
    return judge(process_vm_writev(child, &local, 1, &remote, 1, 0), "write into another process");
}

/* A ring makes sockets and opens files without a system call that a filter could see. */
static int ring_socket(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct io_uring_params params = { 0 };
    int ring = (int)syscall(SYS_io_uring_setup, 2, &params);
    if (ring < 0)
        return blocked(errno, "io_uring_setup");
    size_t bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    char *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, params.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    if (shared == MAP_FAILED || entries == MAP_FAILED)
        return blocked(errno, "map the ring");
    memset(&entries[0], 0, sizeof entries[0]);
    entries[0].opcode = 45; /* IORING_OP_SOCKET */
    entries[0].fd = AF_VSOCK;
    entries[0].off = SOCK_STREAM;
    ((uint32_t *)(void *)(shared + params.sq_off.array))[0] = 0;
    *(uint32_t *)(void *)(shared + params.sq_off.tail) += 1;
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        return blocked(errno, "io_uring_enter");
    int result = ((struct io_uring_cqe *)(void *)(shared + params.cq_off.cqes))[0].res;
    return result >= 0 ? worked("a ring made an AF_VSOCK socket") : blocked(-result, "a socket made by a ring");
}

/* No policy may allow these. Answers other than refusal mean that the kernel looked at the arguments. */
struct floor_call {
    const char *name;
    long nr;
    long first; /* argument */
};

#define CALL(name)                                                                                                     \
    {                                                                                                                  \
#name, SYS_##name, 0                                                                                           \
    }
static const struct floor_call floor_calls[] = {
    CALL(bpf),
    CALL(perf_event_open),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(mount),
    CALL(umount2),
    CALL(fsopen),
    CALL(fsconfig),
    CALL(fsmount),
    CALL(fspick),
    CALL(move_mount),
    CALL(open_tree),
    CALL(mount_setattr),
    CALL(pivot_root),
    CALL(chroot),
    CALL(setns),
    { "unshare", SYS_unshare, CLONE_NEWUSER },
    CALL(open_by_handle_at),
    CALL(swapon),
    CALL(swapoff),
    CALL(acct),
    CALL(quotactl),
    CALL(quotactl_fd),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(adjtimex),
    CALL(clock_adjtime),
    CALL(syslog),
    CALL(add_key),
    CALL(keyctl),
    CALL(request_key),
    CALL(userfaultfd),
    CALL(io_uring_setup),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    { "ptrace", SYS_ptrace, PTRACE_ATTACH },
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(process_madvise),
    CALL(kcmp),
    CALL(fanotify_init),
    CALL(memfd_secret),
    CALL(mbind),
    CALL(move_pages),
    CALL(migrate_pages),
    CALL(pidfd_getfd),
    CALL(vhangup),
    CALL(reboot),
    CALL(kexec_load),
#ifdef __x86_64__
    CALL(iopl),
    CALL(ioperm),
    CALL(modify_ldt),
    CALL(lookup_dcookie),
#endif
};
#undef CALL

static int make_floor_call(void *argument)
{
    const struct floor_call *call = argument;
    long result = syscall(call->nr, call->first, 0L, 0L, 0L, 0L, 0L);
    return result < 0 && (errno == EPERM || errno == ENOSYS) ? BLOCKED : WORKED;
}

static int hard_floor(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char open_calls[1024] = "";
    for (size_t i = 0; i < sizeof floor_calls / sizeof floor_calls[0]; i++) {
        struct floor_call call = floor_calls[i];
        int fate = in_child(make_floor_call, &call);
        if (fate == BLOCKED || fate == DIED_BY + SIGSYS)
            continue;
        add_text(open_calls, sizeof open_calls, " %s", call.name);
    }
    if (open_calls[0] != 0)
        return worked("the kernel looked at:%s", open_calls);
    return blocked(EPERM, "none of %zu calls reached the kernel", sizeof floor_calls / sizeof floor_calls[0]);
}

static int own_listener(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
    struct sock_fprog program = { 1, &allow };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return judge(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program),
                 "a seccomp listener of our own");
}

/* Two kinds of terminal theft: typing into it, and reading its screen through the console's own call. */
static int type_into_terminal(int argc, char **argv)
{
    int fd = argc > 0 ? (int)number(argv[0]) : 0;
    static const char text[] = "echo typed\n";
    for (const char *letter = text; *letter != 0; letter++)
        if (ioctl(fd, TIOCSTI, letter) < 0)
            return blocked(errno, "type into the terminal");
    return worked("typed into the terminal");
}

static int open_terminal(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(open("/dev/tty", O_RDWR | O_CLOEXEC), "open /dev/tty");
}

static int change_personality(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (personality(ADDR_NO_RANDOMIZE) < 0)
        return blocked(errno, "personality");
    return worked("addresses are no longer random: %#x", (unsigned)personality(0xffffffff));
}

static int perf(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof attr,
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1 };
    return judge(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), "count events of our own");
}

static int page_faults(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */ | O_CLOEXEC), "userfaultfd");
}

static int file_flags(int argc, char **argv)
{
    const char *path = argc > 0 ? argv[0] : "/tmp/probe-flags";
    int flags = 0, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return broken("open %s: %s", path, strerror(errno));
    if (ioctl(fd, _IOR('f', 1, long), &flags) < 0)
        return blocked(errno, "FS_IOC_GETFLAGS");
    flags |= 0x40; /* FS_NODUMP_FL */
    return judge(ioctl(fd, _IOW('f', 2, long), &flags), "FS_IOC_SETFLAGS");
}

static int real_time(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct sched_param param = { .sched_priority = 1 };
    return judge(sched_setscheduler(0, SCHED_FIFO, &param), "real-time scheduling");
}

static int first_in_line(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(setpriority(PRIO_PROCESS, 0, -20), "priority before everybody else");
}

static int name_tracer(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return reached_kernel(prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0), "PR_SET_PTRACER");
}

static int choose_cpu(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    return judge(sched_setaffinity(0, sizeof cpus, &cpus), "take CPU 0");
}

static int local_descriptors(int argc, char **argv)
{
    (void)argc;
    (void)argv;
#ifdef __x86_64__
    struct user_desc entry = { .entry_number = 0, .limit = 0xfff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };
    long result = syscall(SYS_modify_ldt, 1, &entry, sizeof entry);
    if ((int)result < 0) { /* the kernel returns an int here */
        errno = result == -1 ? errno : (int)-(int)result;
        return blocked(errno, "modify_ldt");
    }
    return worked("a segment of our own");
#else
    return cannot("x86 only");
#endif
}

static int secret_memory(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(syscall(SYS_memfd_secret, 0), "memfd_secret");
}

const struct attack kernel_attacks[] = {
    { "S30", "vmsplice", splice_pages, 0, ": vmsplice" },
    { "S35", "int80", int80, 0, ": a 32-bit system call from a 64-bit program" },
    { "S36", "32-bit-program", foreign_program, 1, "PROGRAM: executes it" },
    { "S37", "x32", x32, 0, ": an x32 system call" },
    { "S38a", "high-socket", high_socket, 0, ": socket with bit 32 set in its family" },
    { "S38b", "high-fcntl", high_fcntl, 0, ": fcntl with bit 32 set in its command" },
    { "S38c", "high-ioctl", high_ioctl, 0, ": ioctl with bit 32 set in its request" },
    { "S38d", "high-prctl", high_prctl, 0, ": prctl with bit 32 set in its option" },
    { "S40", "ptrace", trace, 0, ": PTRACE_SEIZE on a child" },
    { "S41", "process_vm_writev", write_other_memory, 0, ": writes into a child" },
    { "S43", "io_uring", ring_socket, 0, ": a ring that makes an AF_VSOCK socket" },
    { "S44", "hard-floor", hard_floor, 0, ": every call that no policy may allow" },
    { "S44b", "perf_event_open", perf, 0, ": perf_event_open" },
    { "S44c", "userfaultfd", page_faults, 0, ": userfaultfd" },
    { "S44d", "memfd_secret", secret_memory, 0, ": memfd_secret" },
    { "S45", "seccomp-listener", own_listener, 0, ": seccomp with NEW_LISTENER" },
    { "S47", "tiocsti", type_into_terminal, 0, "[FD]: types into the terminal" },
    { "S48", "dev-tty", open_terminal, 0, ": opens /dev/tty" },
    { "S49", "personality", change_personality, 0, ": switches address randomisation off" },
    { "S54", "file-flags", file_flags, 0, "[FILE]: ioctl FS_IOC_SETFLAGS" },
    { "S55a", "real-time", real_time, 0, ": SCHED_FIFO" },
    { "S55b", "cpu-affinity", choose_cpu, 0, ": sched_setaffinity" },
    { "S55d", "priority", first_in_line, 0, ": setpriority -20" },
    { "S56c", "name-tracer", name_tracer, 0, ": PR_SET_PTRACER" },
    { "S57", "modify_ldt", local_descriptors, 0, ": modify_ldt" },
    { 0 },
};
