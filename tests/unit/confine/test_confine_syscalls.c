/* What the filter of our own processes answers, call by call. */
#include "child.h"

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
