#include "policy_trace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy_program.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/filter/filter.h"

#define ENDS_IT 0xffff /* in the filter's data: the profile ends the process; no errno is as large */

/* The profile's program, which asks us wherever it does not allow. */
static int make_program(const struct profile *profile, uint8_t **ret_program, uint32_t *ret_bytes, struct error *err)
{
    int done = profile_compile(profile, ret_program, ret_bytes, err);
    if (done < 0)
        return done;
    struct sock_filter *program = (struct sock_filter *)(void *)*ret_program;
    for (uint32_t i = 0; i < *ret_bytes / sizeof *program; i++) {
        uint32_t action = program[i].k & SECCOMP_RET_ACTION_FULL;
        if (BPF_CLASS(program[i].code) != BPF_RET || action == SECCOMP_RET_ALLOW)
            continue;
        uint32_t data = action == SECCOMP_RET_ERRNO ? program[i].k & SECCOMP_RET_DATA : ENDS_IT;
        program[i].k = SECCOMP_RET_TRACE | data;
    }
    return 0;
}

/* In the child: waits until it is traced, takes the filter and becomes the program. Says on `errors` why that failed. */
static _Noreturn void become(int program_fd, const struct sock_fprog *filter, char *const argv[], int go, int errors)
{
    char byte;
    while (read(go, &byte, 1) < 0 && errno == EINTR) {
    }
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) == 0)
        syscall(SYS_execveat, program_fd, "", argv, environ, AT_EMPTY_PATH);
    int code = errno;
    ssize_t put = write(errors, &code, sizeof code);
    syscall(SYS_exit_group, put == sizeof code ? 127 : 126);
    __builtin_unreachable();
}

static void read_path(pid_t pid, struct refused_call *call)
{
    int index = call->is_foreign ? -1 : program_path_argument(call->number);
    if (index < 0)
        return;
    uint64_t address = call->args[index];
    size_t room = sizeof call->path - 1, to_page = 4096 - address % 4096;
    struct iovec local = { call->path, room }, remote = { (void *)(uintptr_t)address, room };
    if (process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 && to_page < room) {
        remote.iov_len = to_page; /* the next page may not be there */
        (void)process_vm_readv(pid, &local, 1, &remote, 1, 0);
    }
}

/* The call is skipped, and has this result. */
static void refuse(pid_t pid, int code)
{
    struct user_regs_struct regs;
    struct iovec all = { &regs, sizeof regs };
    if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all) < 0)
        return;
#if defined(__x86_64__)
    regs.orig_rax = UINT64_MAX;
    regs.rax = (uint64_t)-code;
#else
    int none = -1;
    struct iovec number = { &none, sizeof none };
    ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &number);
    regs.regs[0] = (uint64_t)-code;
#endif
    if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all) < 0)
        kill(pid, SIGKILL); /* never let through what should not be */
}

struct tracing {
    trace_take *take;
    void *arg;
    pid_t main;
    bool is_ended; /* by the profile */
};

static void on_refused(struct tracing *tracing, pid_t pid)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_SECCOMP) {
        kill(pid, SIGKILL);
        return;
    }
    struct refused_call call = { .number = (uint32_t)info.seccomp.nr,
                                 .is_foreign = program_call_is_foreign(info.arch, (uint32_t)info.seccomp.nr),
                                 .code = info.seccomp.ret_data == ENDS_IT ? 0 : (int)info.seccomp.ret_data };
    for (size_t i = 0; i < 6; i++)
        call.args[i] = info.seccomp.args[i];
    read_path(pid, &call);
    if (tracing->take(tracing->arg, &call))
        return;
    if (call.code != 0) {
        refuse(pid, call.code);
        return;
    }
    tracing->is_ended = tracing->is_ended || pid == tracing->main;
    kill(pid, SIGKILL);
}

/* What one stop asks for: the signal that goes on to the process. */
static void on_stop(struct tracing *tracing, pid_t pid, int status)
{
    int event = status >> 16, number = WSTOPSIG(status);
    bool is_group_stop = event == PTRACE_EVENT_STOP &&
                         (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU);
    if (event == PTRACE_EVENT_SECCOMP)
        on_refused(tracing, pid);
    ptrace(is_group_stop ? PTRACE_LISTEN : PTRACE_CONT, pid, 0, event == 0 ? number : 0);
}

static int follow(struct tracing *tracing)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return SIGKILL;
        if (WIFSTOPPED(status))
            on_stop(tracing, pid, status);
        else if (pid == tracing->main)
            return tracing->is_ended ? SIGSYS : status;
    }
}

static int run_traced(struct tracing *tracing, int errors, int go, int *ret_status, struct error *err)
{
    const unsigned long wishes =
        PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    int code = 0;
    if (ptrace(PTRACE_SEIZE, tracing->main, 0, wishes) < 0) {
        code = errno;
        kill(tracing->main, SIGKILL);
        waitpid(tracing->main, ret_status, 0);
        return fail(err, code, "trace the program");
    }
    if (write(go, "", 1) != 1)
        kill(tracing->main, SIGKILL);
    *ret_status = follow(tracing);
    program_kill_rest();
    if (read(errors, &code, sizeof code) == (ssize_t)sizeof code)
        return fail(err, code, "run the program");
    return 0;
}

int trace_run(const struct profile *profile, char *const argv[], trace_take *take, void *arg, int *ret_status,
              struct error *err)
{
    auto_free uint8_t *program = NULL;
    uint32_t bytes;
    int done = make_program(profile, &program, &bytes, err);
    if (done < 0)
        return done;
    errno = 0;
    auto_fd int fd = program_open(argv[0], err);
    int go[2], errors[2];
    if (fd < 0)
        return fd;
    if (pipe2(go, O_CLOEXEC) < 0)
        return fail(err, errno, "pipe");
    auto_fd int go_out = go[0], go_in = go[1];
    if (pipe2(errors, O_CLOEXEC) < 0)
        return fail(err, errno, "pipe");
    auto_fd int errors_out = errors[0];
    struct sock_fprog filter = { (unsigned short)(bytes / sizeof(struct sock_filter)),
                                 (struct sock_filter *)(void *)program };
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(fd, &filter, argv, go_out, errors[1]);
    close(errors[1]);
    if (pid < 0)
        return fail(err, errno, "fork");
    struct tracing tracing = { .take = take, .arg = arg, .main = pid };
    return run_traced(&tracing, errors_out, go_in, ret_status, err);
}
