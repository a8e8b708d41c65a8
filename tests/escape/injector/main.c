/*
 * escape-injector: makes one system call of a job's setup fail, so that a test can see what becomes of the job.
 *
 *   escape-injector SUPERVISOR cell|job N ERRNO
 *
 * Attaches to a slot's supervisor, says "attached", and follows the next job that it makes. The Nth call of the job's first
 * process (`cell`, which builds the root and stays as init) or of the job's own (`job`, until its program is executed) is
 * not made and answers ERRNO. When the cell has ended it says "hit NUMBER", the number of that call, or "missed" where
 * there is no Nth, and ends, which detaches it.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define MISSED 1
#define BROKEN 99

static pid_t supervisor, cell, job;
static bool wants_job, is_counting;
static long wanted, count, hit = -1;
static int code;

static bool is_target(pid_t pid)
{
    return pid == (wants_job ? job : cell);
}

static void go_on(pid_t pid, int signal_to_pass)
{
    bool stops_at_calls = is_target(pid) && is_counting;
    ptrace(stops_at_calls ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, (void *)(long)signal_to_pass);
}

/* What the kernel sees in place of the call: one that does nothing and that every filter allows. */
static void swap_call(pid_t pid, long number)
{
#ifdef __x86_64__
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, pid, NULL, &registers);
    registers.orig_rax = (unsigned long)number;
    ptrace(PTRACE_SETREGS, pid, NULL, &registers);
#else
    (void)pid;
    (void)number;
#endif
}

static void swap_answer(pid_t pid, long answer)
{
#ifdef __x86_64__
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, pid, NULL, &registers);
    registers.rax = (unsigned long)answer;
    ptrace(PTRACE_SETREGS, pid, NULL, &registers);
#else
    (void)pid;
    (void)answer;
#endif
}

static void at_call(pid_t pid)
{
    static long number;
    static bool is_swapped;
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) < 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        number = (long)info.entry.nr;
        if (++count == wanted) {
            hit = number;
            is_swapped = true;
            swap_call(pid, SYS_getppid);
        }
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && is_swapped) {
        swap_answer(pid, -code);
        is_swapped = is_counting = false;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && number == SYS_seccomp && !wants_job)
        is_counting = false; /* the cell is init now, and its setup is over */
}

static void at_event(pid_t pid, int event)
{
    unsigned long made = 0;
    if (event == PTRACE_EVENT_EXEC && pid == job)
        is_counting = is_counting && !wants_job;
    if (event != PTRACE_EVENT_CLONE && event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK)
        return;
    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &made);
    if (pid == supervisor && cell == 0)
        cell = (pid_t)made;
    else if (pid == cell && job == 0)
        job = (pid_t)made;
}

static void at_stop(pid_t pid, int status)
{
    int number = WSTOPSIG(status), event = status >> 16;
    if (number == (SIGTRAP | 0x80)) {
        at_call(pid);
        go_on(pid, 0);
    } else if (event == PTRACE_EVENT_STOP && number != SIGTRAP)
        ptrace(PTRACE_LISTEN, pid, NULL, NULL); /* a stop of the whole group */
    else if (event != 0) {
        at_event(pid, event);
        go_on(pid, 0);
    } else
        go_on(pid, number);
}

/* The first stop of a child may come before its parent's word of it: then it waits until we know who it is. */
static void follow(void)
{
    pid_t early = 0;
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0)
            return;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid == cell || pid == supervisor)
                return;
            continue;
        }
        if (pid != supervisor && pid != cell && pid != job && (cell == 0 || job == 0) && early == 0) {
            early = pid;
            continue;
        }
        at_stop(pid, status);
        if (early != 0 && (early == cell || early == job)) {
            go_on(early, 0);
            early = 0;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return BROKEN;
    supervisor = (pid_t)strtol(argv[1], NULL, 10);
    wants_job = strcmp(argv[2], "job") == 0;
    wanted = strtol(argv[3], NULL, 10);
    code = (int)strtol(argv[4], NULL, 10);
    is_counting = true;
    long options =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, supervisor, NULL, (void *)options) < 0) {
        fprintf(stderr, "attach to %d: %s\n", (int)supervisor, strerror(errno));
        return BROKEN;
    }
    printf("attached\n");
    fflush(stdout);
    follow();
    if (hit < 0)
        printf("missed\n");
    else
        printf("hit %ld\n", hit);
    return hit < 0 ? MISSED : 0;
}
