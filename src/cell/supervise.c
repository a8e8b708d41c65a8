/*
 * A slot supervisor: outside every other trust domain, with power in one user namespace and nowhere else.
 *
 * It starts as the launcher's uid without any capability, enters the user namespace that this uid owns, takes the filter that
 * everything below it inherits, and then serves one order at a time: clone pid 1 into the job's cgroup and fresh
 * namespaces, pass signals on, report how it ended. It keeps its uid: CLONE_INTO_CGROUP asks whether the caller may write
 * the group's files, and these belong to that uid.
 *
 * It believes the launcher about the one job, and never hears from the job: what it reads from the pipes of a cell comes
 * from our own code on the way to exec, and is checked like a stranger's.
 */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell.h"
#include "collect.h"

struct order {
    struct plan plan;
    int fds[CELL_RUN_FDS_MAX];           /* each at its place; -1 for what did not come */
    uint8_t globs[CELL_GLOBS_MAX_BYTES]; /* the plan's: they are needed after other messages came */
};

struct running {
    pid_t pid;
    int pidfd, status_fd, result_fd, control_fd;
    int tmp_fd, artifacts_fd; /* while there is something to collect */
    bool is_hot, has_started, has_failed, has_status;
    int wait_status; /* of the job's own process, as init told */
    struct cell_failure failure;
};

static uint8_t message[CELL_MESSAGE_MAX_BYTES];
static struct order order;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- confinement, once ---------------------------------------------------------------------------------------- */

static int enter_slot(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    if (setns(CELL_START_USER_NAMESPACE, CLONE_NEWUSER) < 0)
        return -1;
    if (setns(CELL_START_ROOT, CLONE_NEWNS) < 0 || chdir("/") < 0)
        return -1;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* after setns, which made us dumpable by changing credentials */
        return -1;
    umask(077);
    return 0;
}

static int take_filter(void)
{
    struct stat st;
    if (fstat(CELL_START_FILTER, &st) < 0 || st.st_size <= 0 || (size_t)st.st_size > sizeof message)
        return -1;
    if (pread(CELL_START_FILTER, message, (size_t)st.st_size, 0) != st.st_size) /* the file's position is shared */
        return -1;
    cell_load_filter(message, (uint32_t)st.st_size);
    return 0;
}

/* --- talking to the launcher ---------------------------------------------------------------------------------- */

static void tell(enum cell_message type, const void *body)
{
    uint8_t bytes[1024] = { 0 };
    struct writer out = { bytes + 4, sizeof bytes - 4 };
    bytes[0] = (uint8_t)type;
    if (record_encode(&cell_defs[type], body, &out, NULL) < 0)
        _exit(1);
    if (send(CELL_START_SOCKET, bytes, sizeof bytes - out.left, MSG_NOSIGNAL) < 0)
        _exit(1); /* the launcher is gone, and so are we */
}

static void tell_nothing(enum cell_message type)
{
    tell(type, &(struct cell_nothing){ 0 });
}

/* Those that came, each to its place: those that are always there, then in their order those that the plan speaks of. */
static void place_fds(const struct plan *plan, const int *fds, unsigned count)
{
    const bool is_wanted[CELL_RUN_FDS_MAX] = {
        [CELL_FD_FILES] = plan->has_files, [CELL_FD_ARTIFACTS] = plan->artifacts.size > 0
    };
    unsigned taken = 0;
    for (unsigned i = 0; i < CELL_FD_CGROUP; i++) {
        bool comes = i < CELL_RUN_FDS || is_wanted[i];
        if (comes && taken == count)
            _exit(1);
        order.fds[i] = comes ? fds[taken++] : -1;
    }
    order.fds[CELL_FD_CGROUP] = taken < count ? fds[taken++] : -1;
    if (taken != count)
        _exit(1);
}

/* Receives one message; descriptors go to order.fds. Returns its type; whatever breaks a rule ends the supervisor. */
static enum cell_message hear(union any_cell_message *body)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof order.fds)];
    } control;
    struct iovec part = { message, sizeof message };
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t size = recvmsg(CELL_START_SOCKET, &head, MSG_CMSG_CLOEXEC);
    if (size < 4 || (head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        _exit(0);
    unsigned type = message[0], fd_count = 0;
    if (message[1] != 0 || message[2] != 0 || message[3] != 0 ||
        (type != CELL_RUN && type != CELL_SIGNAL && type != CELL_KILL))
        _exit(1);
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    if (rights != NULL) {
        if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
            _exit(1);
        fd_count = (unsigned)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    }
    bool is_run = type == CELL_RUN;
    if (is_run ? fd_count < CELL_RUN_FDS || fd_count > CELL_RUN_FDS_MAX : fd_count != 0)
        _exit(1);
    struct reader in = { message + 4, (size_t)size - 4 };
    if (record_decode(&cell_defs[type], &in, body, NULL) < 0)
        _exit(1);
    if (is_run)
        place_fds(&body->plan, (const int *)(const void *)CMSG_DATA(rights), fd_count);
    return (enum cell_message)type;
}

/* --- one job ---------------------------------------------------------------------------------------------------- */

static uint64_t namespaces_for(const struct plan *plan)
{
    uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP;
    if (has_layer(plan, CELL_LAYER_IPC))
        flags |= CLONE_NEWIPC;
    if (has_layer(plan, CELL_LAYER_UTS))
        flags |= CLONE_NEWUTS;
    if (!plan->has_host_network && has_layer(plan, CELL_LAYER_NET))
        flags |= CLONE_NEWNET;
    return flags;
}

/* Clones pid 1 of the job. Returns its pid; in the child never. -1 with errno. */
static pid_t clone_cell(struct running *running, const struct cell_ends *ends)
{
    struct clone_args args = {
        .flags = namespaces_for(&order.plan) | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)&running->pidfd,
        .exit_signal = SIGCHLD,
    };
    if (order.fds[CELL_FD_CGROUP] >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)order.fds[CELL_FD_CGROUP];
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        cell_enter(&order.plan, order.fds, ends);
    return pid;
}

static void note_failure(struct running *running, const char *step, int code)
{
    running->has_failed = true;
    running->failure.code = code;
    strncpy(running->failure.step, step, sizeof running->failure.step - 1);
}

/* Makes the pipes and the process. Fills the failure when it cannot. */
static void start(struct running *running)
{
    int status[2] = { -1, -1 }, result[2] = { -1, -1 }, control[2] = { -1, -1 };
    if (pipe2(status, O_CLOEXEC) < 0 || pipe2(result, O_CLOEXEC) < 0 || pipe2(control, O_CLOEXEC | O_NONBLOCK) < 0)
        note_failure(running, "make-pipes", errno);
    else if (setns(order.fds[CELL_FD_ROOT], CLONE_NEWNS) < 0)
        note_failure(running, "enter-root", errno);
    else if (order.plan.artifacts.size > 0 && (running->tmp_fd = tmp_make(&order.plan)) < 0)
        note_failure(running, "make-tmp", errno);
    else if ((running->pid =
                  clone_cell(running, &(struct cell_ends){ status[1], result[1], control[0], running->tmp_fd })) < 0)
        note_failure(running, "clone", errno);
    close_fd(&status[1]);
    close_fd(&result[1]);
    close_fd(&control[0]);
    running->status_fd = status[0];
    running->result_fd = result[0];
    running->control_fd = control[1];
    running->artifacts_fd = order.fds[CELL_FD_ARTIFACTS];
    order.fds[CELL_FD_ARTIFACTS] = -1;
    for (int i = 0; i < CELL_RUN_FDS_MAX; i++)
        close_fd(&order.fds[i]); /* the job's ends live in the job alone from here on */
}

/* The status pipe speaks: hot, a failure, or its end, which means that the program was executed. */
static void take_status(struct running *running)
{
    union {
        struct cell_failure failure;
        char bytes[sizeof(struct cell_failure) + 1];
    } heard;
    ssize_t size = read(running->status_fd, &heard, sizeof heard);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0 && heard.bytes[0] == CELL_HOT && !running->is_hot) {
        running->is_hot = true;
        if (--size > 0)
            memmove(heard.bytes, heard.bytes + 1, (size_t)size);
        else
            return;
    }
    if (size == (ssize_t)sizeof heard.failure) {
        running->has_failed = true;
        running->failure = heard.failure;
        running->failure.step[sizeof running->failure.step - 1] = '\0';
        running->failure.detail[sizeof running->failure.detail - 1] = '\0';
    }
    close_fd(&running->status_fd);
    if (!running->has_failed && running->is_hot && size == 0) {
        running->has_started = true;
        tell_nothing(CELL_STARTED);
    }
}

static void obey(struct running *running)
{
    union any_cell_message body;
    switch (hear(&body)) {
    case CELL_SIGNAL:
        if (running->control_fd >= 0 && write(running->control_fd, &body.signal.signal, 1) < 0)
            return; /* init is gone already, and its end will be told */
        return;
    case CELL_KILL:
        syscall(SYS_pidfd_send_signal, running->pidfd, SIGKILL, NULL, 0);
        return;
    default:
        _exit(1); /* a second order while one is under way */
    }
}

/* What init told of the job's own process; without that, whether it was init itself that gave up. */
static void take_result(struct running *running, int init_status)
{
    int told;
    ssize_t got;
    do
        got = read(running->result_fd, &told, sizeof told);
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof told) {
        running->has_status = true;
        running->wait_status = told;
    } else if (running->has_started && WIFEXITED(init_status) && WEXITSTATUS(init_status) == CELL_INIT_FAILED) {
        note_failure(running, "init", 0);
    }
}

static void wait_for_end(struct running *running, struct rusage *usage)
{
    for (;;) {
        struct pollfd fds[] = {
            { .fd = running->pidfd, .events = POLLIN },
            { .fd = running->status_fd, .events = POLLIN },
            { .fd = CELL_START_SOCKET, .events = POLLIN },
        };
        if (poll(fds, 3, -1) < 0)
            continue;
        if (running->status_fd >= 0 && fds[1].revents != 0)
            take_status(running);
        else if (fds[0].revents != 0)
            break;
        else if (fds[2].revents != 0)
            obey(running);
    }
    int status;
    while (wait4(running->pid, &status, __WALL, usage) < 0 && errno == EINTR)
        continue;
    take_result(running, status);
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
}

static void report(const struct running *running, const struct rusage *usage)
{
    struct cell_ended ended = {
        .has_started = running->has_started,
        .has_status = running->has_started && running->has_status,
        .user_us = microseconds(usage->ru_utime),
        .system_us = microseconds(usage->ru_stime),
        .memory_peak_bytes = (uint64_t)usage->ru_maxrss * 1024u,
    };
    if (running->has_failed) {
        ended.code = (uint32_t)running->failure.code & 4095;
        memcpy(ended.step, running->failure.step, sizeof ended.step);
        memcpy(ended.detail, running->failure.detail, sizeof ended.detail);
    }
    if (ended.has_status && WIFEXITED(running->wait_status))
        ended.exit_code = (uint32_t)WEXITSTATUS(running->wait_status);
    if (ended.has_status && WIFSIGNALED(running->wait_status))
        ended.signal = (uint32_t)WTERMSIG(running->wait_status);
    tell(CELL_ENDED, &ended);
}

static void run_one(void)
{
    struct running running = {
        .pid = -1, .pidfd = -1, .status_fd = -1, .result_fd = -1, .control_fd = -1, .tmp_fd = -1, .artifacts_fd = -1
    };
    struct rusage usage = { 0 };
    start(&running);
    if (!running.has_failed)
        wait_for_end(&running, &usage);
    close_fd(&running.pidfd);
    close_fd(&running.status_fd);
    close_fd(&running.result_fd);
    close_fd(&running.control_fd);
    report(&running, &usage);
    /* Its end is told first: how long it ran, and of what it ended, is none of the collector's doing. */
    if (running.has_started && running.tmp_fd >= 0)
        collect(&order.plan, running.tmp_fd, running.artifacts_fd);
    close_fd(&running.tmp_fd);
    close_fd(&running.artifacts_fd);
}

/* Whoever started the service may have ignored or blocked signals; what is ignored survives clone and exec. */
static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN); /* ours; a job gets it back */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The filter and the scope are what every job below inherits. */
static int confine(bool is_bare)
{
    if (enter_slot() < 0)
        return -1;
    if (!is_bare && (landlock_scope() < 0 || take_filter() < 0))
        return -1;
    return (int)syscall(SYS_close_range, CELL_START_USER_NAMESPACE, ~0U, 0);
}

int supervise_run(bool is_bare)
{
    prctl(PR_SET_NAME, "cell-slot", 0, 0, 0); /* for whoever looks at the host's processes */
    reset_signals();
    if (confine(is_bare) < 0) {
        static const char text[] = "cell: a slot's supervisor could not confine itself and ends\n";
        ssize_t put = write(STDERR_FILENO, text, sizeof text - 1);
        return put < 0 ? 2 : 1;
    }
    tell_nothing(CELL_READY);
    for (;;) {
        union any_cell_message body;
        if (hear(&body) != CELL_RUN)
            continue; /* a signal or a kill for a job that has just ended */
        order.plan = body.plan;
        memcpy(order.globs, body.plan.artifacts.data, body.plan.artifacts.size);
        order.plan.artifacts.data = order.globs;
        run_one();
        memset(message, 0, sizeof message); /* a job's secrets do not wait for the next order */
    }
}
