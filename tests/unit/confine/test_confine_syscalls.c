/* What the filter of our own processes answers, call by call. */
#include "child.h"

#include <netinet/tcp.h>

static void unknown_calls_are_not_there(void)
{
    confine_all(-1);
    EXPECT(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(SYS_kill, getppid(), 0) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(999) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) < 0, "new code");
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(page != MAP_FAILED, "errno %d", errno);
    EXPECT(mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0, "memory became code");
    EXPECT(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 && errno == ENOSYS, "errno %d", errno);
}

Test(confine_syscalls, answers_enosys_to_calls_that_are_not_listed)
{
    skip_unless_root();
    child_must_succeed(unknown_calls_are_not_there);
}

static struct sockaddr_in loopback_address(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_somewhere(struct sockaddr_in *ret_address)
{
    socklen_t size = sizeof *ret_address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_address = loopback_address(0);
    EXPECT(bind(fd, (struct sockaddr *)ret_address, size) == 0 && listen(fd, 1) == 0, "errno %d", errno);
    EXPECT(getsockname(fd, (struct sockaddr *)ret_address, &size) == 0, "errno %d", errno);
    return fd;
}

/* What would connect out without connect(2), and without a Landlock that looks at it. */
static long reach(int listener, const struct sockaddr_in *target)
{
    shutdown(listener, SHUT_RD);
    return syscall(SYS_sendto, listener, "x", 1, MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL, target, sizeof *target);
}

static void listeners_stay_listeners(void)
{
    struct sockaddr_in address, other_address;
    struct linger linger = { 1, 3600 };
    int one = 1, listener = listen_somewhere(&address), control = listen_somewhere(&other_address);
    struct msghdr head = { .msg_name = &other_address, .msg_namelen = sizeof other_address };
    EXPECT(reach(control, &address) >= 0 || errno == EINPROGRESS, "the attack is one: errno %d", errno);
    confine_all(-1);
    EXPECT(reach(listener, &address) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(SYS_sendmsg, listener, &head, MSG_FASTOPEN) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(shutdown(listener, SHUT_RD) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(shutdown(listener, SHUT_RDWR) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(syscall(SYS_shutdown, listener, 1ull << 32 | SHUT_RD) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 && errno == ENOSYS, "errno %d",
           errno);
    EXPECT(fcntl(listener, F_SETOWN, getpid()) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(fcntl(listener, F_SETSIG, SIGKILL) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0, "errno %d", errno);
    EXPECT(shutdown(listener, SHUT_WR) == 0, "errno %d", errno);
    EXPECT(accept(listener, NULL, NULL) >= 0, "it accepts nothing any more: errno %d", errno);
}

Test(confine_syscalls, lets_no_listener_become_a_connection_out)
{
    skip_unless_root();
    child_must_succeed(listeners_stay_listeners);
}

static long fatal_number;

static void make_fatal_call(void)
{
    confine_all(-1);
    syscall(fatal_number, 0, 0, 0, 0, 0, 0);
    expect_failed("call %ld did not end the process", fatal_number);
}

Test(confine_syscalls, ends_the_process_at_calls_of_an_attacker)
{
    skip_unless_root();
    static const long numbers[] = { SYS_execve,  SYS_execveat,    SYS_ptrace,     SYS_process_vm_readv,
                                    SYS_bpf,     SYS_mount,       SYS_move_mount, SYS_setns,
                                    SYS_unshare, SYS_init_module, SYS_setresuid,  SYS_keyctl };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[1024];
        fatal_number = numbers[i];
        int status = child_status(make_fatal_call, text);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "call %ld: status 0x%x: %s", numbers[i],
                  (unsigned)status, text);
    }
}

#if defined(__x86_64__)
static void call_as_32_bit(void)
{
    confine_all(-1);
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); /* getpid of i386 */
    expect_failed("a 32-bit call answered %ld", result);
}

Test(confine_syscalls, ends_the_process_at_calls_of_another_architecture)
{
    skip_unless_root();
    char text[1024];
    int status = child_status(call_as_32_bit, text);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status 0x%x: %s", (unsigned)status, text);
}
#endif

static void aborts(void)
{
    confine_all(-1);
    signal(SIGABRT, SIG_DFL);
    abort();
}

Test(confine_syscalls, can_still_abort_and_exit_as_usual)
{
    skip_unless_root();
    char text[1024];
    int status = child_status(aborts, text);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status 0x%x: %s", (unsigned)status, text);
}

static const struct confine_condition connecting[] = {
    { "socket",
      { { UINT32_MAX, AF_INET },
        { ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_STREAM },
        { UINT32_MAX, IPPROTO_TCP } } },
    { "setsockopt", { { 0, 0 }, { UINT32_MAX, SOL_SOCKET }, { UINT32_MAX, SO_KEEPALIVE } } },
    { .name = NULL },
};

static void only_listed_arguments_pass(void)
{
    static const char *const connect_call[] = { "connect", NULL };
    const char *const *groups[] = { confine_calls_base, connect_call };
    struct error err = { 0 };
    uint32_t abi = 0;
    int one = 1;
    EXPECT(confine_become(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
    EXPECT(confine_landlock_but_connect(&abi, &err) == 0, "%s", err.text);
    EXPECT(confine_syscalls_if(groups, 2, connecting, &err) == 0, "%s", err.text);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    EXPECT(fd >= 0, "errno %d", errno);
    EXPECT(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) == 0, "errno %d", errno);
    EXPECT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(setsockopt(fd, IPPROTO_TCP, SO_KEEPALIVE, &one, sizeof one) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) < 0 && errno == ENOSYS, "errno %d", errno);
    EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == ENOSYS, "errno %d", errno);
    /* The kernel looks at 32 bits of these; what stands above them must neither help nor hinder. */
    EXPECT(syscall(SYS_socket, 1ull << 32 | AF_UNIX, SOCK_STREAM, IPPROTO_TCP) < 0 && errno == ENOSYS, "errno %d",
           errno);
    EXPECT(syscall(SYS_socket, 1ull << 32 | AF_INET, SOCK_STREAM, IPPROTO_TCP) >= 0, "errno %d", errno);
}

Test(confine_syscalls, allows_a_call_with_the_arguments_of_a_condition_alone)
{
    skip_unless_root();
    child_must_succeed(only_listed_arguments_pass);
}
