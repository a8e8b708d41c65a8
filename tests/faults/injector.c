/*
 * Lets one system call of a running process, or of a child of it, fail: it is not made, and its caller is told an errno.
 *
 *   fault-injector attach PID               traces what is there, until its own stdin ends
 *   fault-injector start PROGRAM ARGUMENT...   the same from the first call after the exec on
 *
 * Traced are the process and all that it makes, each until it executes a program. A process is named by its descent: 0 is
 * the first, 0.2 its second child of this round. A call is named by its process, its own name, and the how manieth of that
 * name it is in that process and round. Nobody lists calls by hand: a round without a failure says which there are.
 *
 * Orders, one a line, on stdin:
 *   round                               begins a round, in which nothing fails
 *   round PROCESS CALL NUMBER ERRNO     begins a round, in which this one call does
 *   tell                                answers with all that happened in the round, and a line with a dot
 * What happened:
 *   call PROCESS CALL NUMBER RESULT PATH     RESULT: "fails" for the call that was kept from happening
 *   exec PROCESS                        a program runs
 *   end PROCESS STATUS                  as wait(2) says
 */
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 64
#define CALLS_MAX     512 /* numbers of calls, more than any architecture has today */
#define NAME_BYTES    64
#define PATH_BYTES    160
#define TRACE_OPTIONS                                                                                                  \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |     \
     PTRACE_O_EXITKILL)

struct process {
    pid_t pid;             /* 0: a free place */
    char name[NAME_BYTES]; /* empty: it has stopped before its parent's clone was heard of */
    unsigned children;
    unsigned counts[CALLS_MAX];
    int failing; /* the errno that the call gets in which it is now */
};

static struct {
    bool is_wanted;
    char process[NAME_BYTES], call[NAME_BYTES];
    unsigned number;
    int code;
} fault;

static struct process processes[PROCESSES_MAX];
static FILE *story; /* of the round */
static char *story_text;
static size_t story_size;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "fault-injector: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct process *find(pid_t pid)
{
    for (unsigned i = 0; i < PROCESSES_MAX; i++)
        if (processes[i].pid == pid)
            return &processes[i];
    return NULL;
}

static struct process *find_or_add(pid_t pid)
{
    struct process *process = find(pid);
    if (process != NULL)
        return process;
    process = find(0);
    if (process == NULL) {
        errno = ENOMEM;
        die("too many processes");
    }
    *process = (struct process){ .pid = pid };
    return process;
}

/* --- registers -------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static void forget_call(pid_t pid)
{
    if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1L) < 0)
        die("change the number of a call");
}

static void set_result(pid_t pid, long result)
{
    if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result) < 0)
        die("change the result of a call");
}
#elif defined(__aarch64__)
static void forget_call(pid_t pid)
{
    int number = -1;
    struct iovec part = { &number, sizeof number };
    if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part) < 0)
        die("change the number of a call");
}

static void set_result(pid_t pid, long result)
{
    struct user_regs_struct registers;
    struct iovec part = { &registers, sizeof registers };
    if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part) < 0)
        die("read registers");
    registers.regs[0] = (unsigned long long)result;
    if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part) < 0)
        die("change the result of a call");
}
#else
#error "no registers known for this machine"
#endif

/* --- what a process does ---------------------------------------------------------------------------------------- */

/* The path that a call names, or what it is one of many of (prctl): empty for the rest. */
static void read_path(pid_t pid, const char *call, const struct __ptrace_syscall_info *info, char path[PATH_BYTES])
{
    static const struct {
        const char *call;
        unsigned argument;
    } places[] = {
        { "open", 0 },       { "openat", 1 },    { "openat2", 1 },  { "mkdir", 0 },     { "mkdirat", 1 },
        { "unlinkat", 1 },   { "mount", 1 },     { "umount2", 0 },  { "chdir", 0 },     { "stat", 0 },
        { "newfstatat", 1 }, { "symlinkat", 2 }, { "rmdir", 0 },    { "faccessat", 1 }, { "faccessat2", 1 },
        { "access", 0 },     { "readlink", 0 },  { "statfs", 0 },   { "chown", 0 },     { "move_mount", 3 },
        { "readlinkat", 1 }, { "statx", 1 },     { "fchownat", 1 }, { "unlink", 0 },
    };
    path[0] = '\0';
    if (strcmp(call, "prctl") == 0 || strcmp(call, "keyctl") == 0)
        snprintf(path, PATH_BYTES, "%llu", (unsigned long long)info->entry.args[0]);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(call, places[i].call) != 0)
            continue;
        char room[PATH_BYTES] = { 0 };
        /* The string may end shortly before the end of what is mapped, so it is read in small parts. */
        size_t have = 0;
        while (have < sizeof room - 1 && strlen(room) == have) {
            struct iovec ours = { room + have, 1 };
            struct iovec theirs = { (void *)(uintptr_t)(info->entry.args[places[i].argument] + have), 1 };
            if (process_vm_readv(pid, &ours, 1, &theirs, 1, 0) != 1)
                break;
            have++;
        }
        for (char *at = room; *at != '\0'; at++)
            if (*at <= ' ' || *at > '~')
                *at = '?';
        memcpy(path, room, PATH_BYTES);
    }
}

static void on_enter(struct process *process, const struct __ptrace_syscall_info *info)
{
    unsigned long long number = info->entry.nr;
    if (number >= CALLS_MAX)
        return;
    char *call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
    char path[PATH_BYTES], own[NAME_BYTES];
    snprintf(own, sizeof own, "%s", call != NULL ? call : "");
    if (call == NULL)
        snprintf(own, sizeof own, "call-%llu", number); /* newer than the library */
    free(call);
    unsigned count = ++process->counts[number];
    read_path(process->pid, own, info, path);
    bool fails = fault.is_wanted && count == fault.number && strcmp(fault.call, own) == 0 &&
                 strcmp(fault.process, process->name) == 0;
    fprintf(story, "call %s %s %u %s %s\n", process->name, own, count, fails ? "fails" : "-", path);
    if (!fails)
        return;
    fault.is_wanted = false;
    process->failing = fault.code;
    if (strcmp(own, "close") != 0) /* which releases the descriptor whatever it returns (close(2)) */
        forget_call(process->pid);
}

static void on_leave(struct process *process)
{
    if (process->failing != 0)
        set_result(process->pid, -process->failing);
    process->failing = 0;
}

static void go_on(pid_t pid, int signal_number)
{
    if (ptrace(PTRACE_SYSCALL, pid, 0, signal_number) < 0 && errno != ESRCH)
        die("go on");
}

static void on_child(struct process *parent)
{
    unsigned long pid = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) < 0)
        return;
    struct process *child = find((pid_t)pid);
    bool waits = child != NULL;
    child = find_or_add((pid_t)pid);
    int length = snprintf(child->name, sizeof child->name, "%s.%u", parent->name, ++parent->children);
    if (length < 0 || (size_t)length >= sizeof child->name)
        die("too many generations");
    if (waits)
        go_on(child->pid, 0);
}

static void on_exec(struct process *process)
{
    fprintf(story, "exec %s\n", process->name);
    if (ptrace(PTRACE_DETACH, process->pid, 0, 0) < 0)
        die("detach");
    process->pid = 0;
}

static void on_stop(struct process *process, int status)
{
    int event = status >> 16, number = WSTOPSIG(status);
    struct __ptrace_syscall_info info;
    if (process->name[0] == '\0')
        return; /* until its parent's stop says who it is */
    switch (event) {
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
        on_child(process);
        break;
    case PTRACE_EVENT_EXEC:
        on_exec(process);
        return;
    default:
        break;
    }
    if (event == 0 && number == (SIGTRAP | 0x80)) {
        if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof info, &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
                on_enter(process, &info);
            else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
                on_leave(process);
        }
        number = 0;
    } else if (event != 0) {
        number = 0;
    }
    go_on(process->pid, number);
}

static void take_stops(void)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0;) {
        struct process *process = find_or_add(pid);
        if (WIFSTOPPED(status)) {
            on_stop(process, status);
            continue;
        }
        fprintf(story, "end %s %d\n", process->name, status);
        process->pid = 0;
    }
}

/* --- orders ------------------------------------------------------------------------------------------------------ */

static void begin_story(void)
{
    if (story != NULL)
        fclose(story);
    free(story_text);
    story = open_memstream(&story_text, &story_size);
    if (story == NULL)
        die("remember what happens");
}

static void obey(const char *line)
{
    if (strncmp(line, "tell", 4) == 0) {
        fflush(story);
        printf("%s.\n", story_text);
        fflush(stdout);
        return;
    }
    char number[16] = "", code[16] = "";
    int words = sscanf(line, "round %63s %63s %15s %15s", fault.process, fault.call, number, code);
    fault.number = (unsigned)strtoul(number, NULL, 10);
    fault.code = (int)strtol(code, NULL, 10);
    fault.is_wanted = words == 4;
    if (words > 0 && words != 4) {
        errno = EINVAL;
        die(line);
    }
    begin_story();
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        memset(processes[i].counts, 0, sizeof processes[i].counts);
        processes[i].children = 0;
    }
    printf(".\n"); /* what comes from now on is of this round */
    fflush(stdout);
}

static void attach(pid_t pid)
{
    if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
        die("attach");
    strcpy(find_or_add(pid)->name, "0");
}

/* The child waits in a stop until we have seized it, and its exec is not told as one. */
static pid_t start(char **words)
{
    pid_t pid = fork();
    int status;
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        raise(SIGSTOP);
        execv(words[0], words);
        _exit(127);
    }
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        die("start");
    if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0 || kill(pid, SIGCONT) < 0)
        die("attach");
    for (;;) {
        if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
            die("start");
        if (status >> 16 == PTRACE_EVENT_EXEC)
            break;
        ptrace(PTRACE_CONT, pid, 0, status >> 16 != 0 ? 0 : WSTOPSIG(status));
    }
    if (ptrace(PTRACE_SETOPTIONS, pid, 0, TRACE_OPTIONS) < 0)
        die("set options");
    strcpy(find_or_add(pid)->name, "0");
    return pid;
}

int main(int argc, char **argv)
{
    char line[256];
    pid_t waiting = 0;
    sigset_t child;
    if (argc < 3)
        return 2;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    int signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        die("signalfd");
    setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see what has not been read */
    begin_story();
    if (strcmp(argv[1], "attach") == 0)
        attach((pid_t)strtol(argv[2], NULL, 10));
    else
        waiting = start(argv + 2);
    for (;;) {
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN } };
        struct signalfd_siginfo info;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            die("poll");
        while (read(signal_fd, &info, sizeof info) > 0)
            continue;
        take_stops();
        if (fds[0].revents == 0)
            continue;
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        obey(line);
        if (waiting != 0)
            go_on(waiting, 0); /* the first round begins with its first call */
        waiting = 0;
    }
    /* Whoever is traced is let go where it stands; PTRACE_O_EXITKILL is for a death of ours that was not meant. */
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        int status;
        if (processes[i].pid == 0 || ptrace(PTRACE_INTERRUPT, processes[i].pid, 0, 0) < 0)
            continue;
        if (waitpid(processes[i].pid, &status, __WALL) == processes[i].pid && WIFSTOPPED(status))
            ptrace(PTRACE_DETACH, processes[i].pid, 0,
                   status >> 16 == 0 && WSTOPSIG(status) < 0x80 ? WSTOPSIG(status) : 0);
    }
    return 0;
}
