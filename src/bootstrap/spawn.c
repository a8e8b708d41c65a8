#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define FIRST_HANDED_FD 3
#define LIFTED_FD_LEAST 64

/* Signals as a fresh process has them, whatever we or our parent ignored or blocked. */
static int reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Stdin and stdout become /dev/null, stderr stays, what is handed over comes next, and nothing else stays open. */
static int place_fds(const struct spawn *what, int program_fd)
{
    int lifted[8], null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
        return -1;
    for (unsigned i = 0; i < what->fd_count; i++)
        if ((lifted[i] = fcntl(what->fds[i], F_DUPFD_CLOEXEC, LIFTED_FD_LEAST)) < 0)
            return -1;
    int program = fcntl(program_fd, F_DUPFD_CLOEXEC, LIFTED_FD_LEAST);
    if (program < 0)
        return -1;
    for (unsigned i = 0; i < what->fd_count; i++)
        if (dup2(lifted[i], FIRST_HANDED_FD + (int)i) < 0)
            return -1;
    /* The program's own descriptor must survive until exec, and is closed by it. */
    if (dup3(program, FIRST_HANDED_FD + (int)what->fd_count, O_CLOEXEC) < 0)
        return -1;
    return (int)syscall(SYS_close_range, FIRST_HANDED_FD + what->fd_count + 1, ~0U, 0);
}

/* What a supervisor is before it enters its slot: the launcher's uid, outside of every capability, first to go when memory ends. */
static int become_supervisor(const struct bootstrap *bootstrap)
{
    const struct ids *ids = &bootstrap->ids;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1000", 4) != 4)
        return -1;
    close(fd);
    if (bootstrap->groups.exist && write(bootstrap->groups.supervisors_fd, "0", 1) != 1)
        return -1;
    if (ids->is_single)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(ids->launcher, ids->launcher, ids->launcher) < 0)
        return -1;
    return setresuid(ids->launcher, ids->launcher, ids->launcher);
}

static _Noreturn void run_child(const struct bootstrap *bootstrap, const struct spawn *what, int program_fd)
{
    /* A name that is bound late has the dynamic linker put the vector registers on the stack, and with them what was copied last:
     * a piece of a secret, that nobody would wipe. */
    static char bind_now[] = "LD_BIND_NOW=1";
    char *environment[4] = { bind_now };
    unsigned count = 1;
#if SALLYPORT_TEST_SWITCHES
    static const char *const passed[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS" };
    for (unsigned i = 0; i < 2; i++) {
        const char *value = getenv(passed[i]);
        char *entry = NULL;
        if (value != NULL && asprintf(&entry, "%s=%s", passed[i], value) > 0)
            environment[count++] = entry;
    }
#endif
    environment[count] = NULL;
    if (setsid() < 0 || reset_signals() < 0)
        goto failed;
    if (what->is_launcher_uid && become_supervisor(bootstrap) < 0)
        goto failed;
    if (place_fds(what, program_fd) < 0)
        goto failed;
    syscall(SYS_execveat, FIRST_HANDED_FD + (int)what->fd_count, "", (char *const *)(uintptr_t)what->arguments,
            environment, AT_EMPTY_PATH);
failed:
    dprintf(STDERR_FILENO, "sallyportd: cannot start '%s': %s\n", what->name, strerror(errno));
    _exit(127);
}

/* Written by a middleman, in memory that it shares with us: nothing can keep us from hearing of a child that is ours to reap. */
struct made {
    pid_t pid; /* of clone3(2) itself, by CLONE_PARENT_SETTID */
    int code;
};

static _Noreturn void be_middleman(const struct bootstrap *bootstrap, const struct spawn *what, int program_fd,
                                   struct made *made)
{
    struct clone_args args = { .flags = CLONE_PARENT | CLONE_PARENT_SETTID, .parent_tid = (uintptr_t)&made->pid };
    if (setns(bootstrap->outer_pid_namespace, CLONE_NEWPID) < 0) {
        made->code = errno;
        _exit(1);
    }
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        run_child(bootstrap, what, program_fd);
    made->code = pid < 0 ? errno : 0;
    _exit(pid < 0 ? 1 : 0);
}

/*
 * Makes a child of ours inside the outer pid namespace. A middleman enters it and clones with CLONE_PARENT, because the way back
 * out of a pid namespace is closed to a rootless bootstrap. Returns the child's pid, or -1 with errno.
 */
static pid_t clone_in_outer_namespace(const struct bootstrap *bootstrap, const struct spawn *what, int program_fd)
{
    struct made *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return -1;
    *made = (struct made){ .pid = -1, .code = EIO };
    pid_t middleman = fork();
    int code = errno;
    if (middleman == 0)
        be_middleman(bootstrap, what, program_fd, made);
    if (middleman > 0) {
        while (waitpid(middleman, NULL, 0) < 0 && errno == EINTR)
            ;
        code = made->code;
    }
    pid_t pid = made->pid;
    munmap(made, sizeof *made);
    errno = code;
    return pid;
}

static pid_t clone_here(const struct bootstrap *bootstrap, const struct spawn *what, int program_fd)
{
    struct clone_args args = { .flags = what->makes_outer_namespace ? CLONE_NEWPID : 0, .exit_signal = SIGCHLD };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        run_child(bootstrap, what, program_fd);
    return pid;
}

int spawn(struct bootstrap *bootstrap, const struct spawn *what, pid_t *ret_pid, struct error *err)
{
    auto_fd int opened = -1;
    int program_fd = what->program_fd;
    if (program_fd < 0) {
        char path[PATH_MAX_BYTES + NAME_MAX_BYTES];
        snprintf(path, sizeof path, "%s/%s", bootstrap->programs, what->name);
        program_fd = opened = open(path, O_RDONLY | O_CLOEXEC);
        if (opened < 0)
            return fail(err, errno, "open '%s'", path);
    }
    pid_t pid = what->is_in_outer_namespace ? clone_in_outer_namespace(bootstrap, what, program_fd)
                                            : clone_here(bootstrap, what, program_fd);
    if (pid < 0)
        return fail(err, errno, "start '%s'", what->name);
    *ret_pid = pid;
    return 0;
}
