/*
 * Who does what: the child loads the filter and so gets the listener, sends it to us over a socket, and becomes the program. From the
 * load on every call that the profile refuses waits for somebody to hear of it, and so might the sending: therefore the filter
 * lets exactly that one sendmsg through, known by two random numbers in registers that sendmsg(2) has no use for. From then on we
 * answer one call after the other. A call whose process dies meanwhile is gone, and the kernel says ENOENT at whatever we ask of it.
 */
#include "policy_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy_program.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/filter/filter.h"

#define PAGE_BYTES 4096u

/* Where two numbers stand that only the child's own sendmsg(2) has: its fourth and fifth register. */
struct password {
    uint64_t first, second;
};

struct hearing {
    notify_take *take;
    void *arg;
    pid_t main;
    int listener;
    bool is_ended; /* by us */
    struct heard_call heard;
    struct seccomp_notif *question; /* as large as this kernel wants them */
    struct seccomp_notif_resp *answer;
    size_t question_bytes, answer_bytes;
};

/* --- the filter --------------------------------------------------------------------------------------------------------- */

#define LOAD(what)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define UNLESS(k, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(k), 0, (skip))
#define ARG(index)                                                                                                     \
    (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (index)) /* its lower half: both are little-endian */

/* The profile's program, which lets us hear of it wherever it does not allow, behind the exception for the password. */
static int make_program(const struct profile *profile, const struct password *password,
                        struct sock_filter **ret_program, uint32_t *ret_count, struct error *err)
{
    const struct sock_filter exception[] = {
        LOAD(offsetof(struct seccomp_data, nr)),
        UNLESS(SYS_sendmsg, 9),
        LOAD(ARG(3)),
        UNLESS(password->first, 7),
        LOAD(ARG(3) + 4),
        UNLESS(password->first >> 32, 5),
        LOAD(ARG(4)),
        UNLESS(password->second, 3),
        LOAD(ARG(4) + 4),
        UNLESS(password->second >> 32, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    auto_free uint8_t *compiled = NULL;
    uint32_t bytes;
    int done = profile_compile(profile, &compiled, &bytes, err);
    if (done < 0)
        return done;
    struct sock_filter *program = malloc(sizeof exception + bytes);
    if (program == NULL)
        return fail(err, ENOMEM, "filter");
    memcpy(program, exception, sizeof exception);
    memcpy((uint8_t *)program + sizeof exception, compiled, bytes);
    *ret_count = (uint32_t)((sizeof exception + bytes) / sizeof *program);
    for (size_t i = sizeof exception / sizeof exception[0]; i < *ret_count; i++)
        if (BPF_CLASS(program[i].code) == BPF_RET && program[i].k != SECCOMP_RET_ALLOW)
            program[i].k = SECCOMP_RET_USER_NOTIF;
    *ret_program = program;
    return 0;
}

/* --- the child ---------------------------------------------------------------------------------------------------------- */

/* What the child needs, all of it made before the fork. */
struct start {
    const struct sock_fprog *filter;
    struct password password;
    int program_fd, socket, errors;
    char *const *argv;
    sigset_t mask; /* as the program shall have it */
};

static bool send_listener(const struct start *start, int listener)
{
    char byte = 0;
    struct iovec data = { &byte, 1 };
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = { { 0 } };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(head), &listener, sizeof listener);
    return syscall(SYS_sendmsg, start->socket, &message, 0, start->password.first, start->password.second) == 1;
}

/* Becomes the program; says on `errors` why that failed. The listener is closed by the exec. */
static _Noreturn void become(const struct start *start)
{
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would answer it any more */
    sigprocmask(SIG_SETMASK, &start->mask, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        /* KILLABLE: a signal does not make a call that was heard of begin again, and be heard of twice. */
        long listener =
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                    SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, start->filter);
        if (listener >= 0 && send_listener(start, (int)listener))
            syscall(SYS_execveat, start->program_fd, "", start->argv, environ, AT_EMPTY_PATH);
    }
    int code = errno;
    ssize_t put = write(start->errors, &code, sizeof code);
    syscall(SYS_exit_group, put == sizeof code ? 127 : 126);
    __builtin_unreachable();
}

/* -1 if the child ended before it sent one; then it said why. */
static int receive_listener(int socket)
{
    char byte;
    struct iovec data = { &byte, 1 };
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t got;
    while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    const struct cmsghdr *head = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    int listener = -1;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof listener))
        memcpy(&listener, CMSG_DATA(head), sizeof listener);
    return listener;
}

/* --- one call ----------------------------------------------------------------------------------------------------------- */

/* Whether the call still waits: then its thread's number is still that thread's. */
static bool is_waiting(const struct hearing *hearing)
{
    return ioctl(hearing->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &hearing->question->id) == 0;
}

static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, room - 1);
    text[size > 0 ? size : 0] = '\0';
    return size;
}

/* The process of a thread; 0 if that cannot be known. */
static pid_t find_process(pid_t thread)
{
    char status[1024];
    read_proc(thread, "status", status, sizeof status);
    const char *at = strstr(status, "\nTgid:\t");
    return at == NULL ? 0 : (pid_t)strtol(at + 7, NULL, 10);
}

/* By page, for the next one may not be there. Whatever another thread does to it meanwhile: it ends where our room does. */
static void read_text(int memory, uint64_t address, char *text, size_t room)
{
    size_t has = 0;
    while (has < room - 1) {
        size_t piece = PAGE_BYTES - (address + has) % PAGE_BYTES;
        if (piece > room - 1 - has)
            piece = room - 1 - has;
        ssize_t got = address + has <= INT64_MAX ? pread(memory, text + has, piece, (off_t)(address + has)) : -1;
        if (got <= 0)
            break;
        has += (size_t)got;
        if (memchr(text + has - (size_t)got, '\0', (size_t)got) != NULL)
            break;
    }
    text[has] = '\0';
}

static void read_path(const struct hearing *hearing, struct heard_call *heard)
{
    int index = heard->is_foreign ? -1 : program_path_argument(heard->call.number);
    char path[64];
    if (index < 0)
        return;
    snprintf(path, sizeof path, "/proc/%u/mem", hearing->question->pid);
    auto_fd int memory = open(path, O_RDONLY | O_CLOEXEC);
    if (memory >= 0 && is_waiting(hearing)) /* so this is the memory of whom we hear */
        read_text(memory, heard->call.args[index], heard->path, sizeof heard->path);
}

/* False when its process is gone. */
static bool look_at(struct hearing *hearing)
{
    const struct seccomp_notif *question = hearing->question;
    struct heard_call *heard = &hearing->heard;
    pid_t process = find_process((pid_t)question->pid);
    *heard =
        (struct heard_call){ .call = { .number = (uint32_t)question->data.nr },
                             .is_foreign = program_call_is_foreign(question->data.arch, (uint32_t)question->data.nr) };
    for (size_t i = 0; i < LEARN_ARGS; i++)
        heard->call.args[i] = question->data.args[i];
    if (process == 0 || read_proc(process, "comm", heard->program, sizeof heard->program) <= 0)
        snprintf(heard->program, sizeof heard->program, "?");
    heard->program[strcspn(heard->program, "\n")] = '\0';
    read_path(hearing, heard);
    return is_waiting(hearing);
}

/* By a descriptor, and only while the call waits: the number may be another process's otherwise. */
static void end_process(struct hearing *hearing)
{
    pid_t process = find_process((pid_t)hearing->question->pid);
    auto_fd int fd = process > 0 ? (int)syscall(SYS_pidfd_open, process, 0) : -1;
    if (fd < 0 || !is_waiting(hearing))
        return;
    hearing->is_ended = hearing->is_ended || process == hearing->main;
    syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

static void hear_one(struct hearing *hearing)
{
    memset(hearing->question, 0, hearing->question_bytes); /* the kernel takes no other */
    if (ioctl(hearing->listener, SECCOMP_IOCTL_NOTIF_RECV, hearing->question) < 0)
        return; /* who asked is gone */
    memset(hearing->answer, 0, hearing->answer_bytes);
    hearing->answer->id = hearing->question->id;
    int verdict = look_at(hearing) ? hearing->take(hearing->arg, &hearing->heard) : EPERM;
    if (verdict == HEARD_GOES_ON)
        hearing->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if (verdict == HEARD_ENDS)
        end_process(hearing);
    if (verdict != HEARD_GOES_ON)
        hearing->answer->error = verdict == HEARD_ENDS ? -EPERM : -verdict;
    (void)ioctl(hearing->listener, SECCOMP_IOCTL_NOTIF_SEND, hearing->answer); /* ENOENT: gone meanwhile */
}

/* --- the run ------------------------------------------------------------------------------------------------------------ */

static void pass_signal(int signals, int program)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_code != SI_KERNEL) /* the terminal's go to all of its foreground */
        syscall(SYS_pidfd_send_signal, program, (int)info.ssi_signo, NULL, 0);
}

static void hear_all(struct hearing *hearing, int signals, int program)
{
    struct pollfd polls[] = { { hearing->listener, POLLIN, 0 }, { program, POLLIN, 0 }, { signals, POLLIN, 0 } };
    for (;;) {
        if (poll(polls, 3, -1) < 0 && errno != EINTR)
            return;
        if ((polls[0].revents & POLLIN) != 0)
            hear_one(hearing);
        else if (polls[0].revents != 0)
            polls[0].fd = -1; /* nobody is left under the filter */
        if ((polls[2].revents & POLLIN) != 0)
            pass_signal(signals, program);
        if (polls[1].revents != 0)
            return;
    }
}

static int make_room(struct hearing *hearing, struct error *err)
{
    struct seccomp_notif_sizes sizes;
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
        return fail(err, errno, "this kernel has no seccomp notifications");
    hearing->question_bytes =
        sizes.seccomp_notif > sizeof *hearing->question ? sizes.seccomp_notif : sizeof *hearing->question;
    hearing->answer_bytes =
        sizes.seccomp_notif_resp > sizeof *hearing->answer ? sizes.seccomp_notif_resp : sizeof *hearing->answer;
    hearing->question = malloc(hearing->question_bytes);
    hearing->answer = malloc(hearing->answer_bytes);
    return hearing->question == NULL || hearing->answer == NULL ? fail(err, ENOMEM, "notifications") : 0;
}

static int follow(struct hearing *hearing, int socket, int signals, int errors, int *ret_status, struct error *err)
{
    int code, status = 0;
    auto_fd int program = (int)syscall(SYS_pidfd_open, hearing->main, 0);
    auto_fd int listener = receive_listener(socket);
    hearing->listener = listener;
    if (program >= 0 && listener >= 0)
        hear_all(hearing, signals, program);
    else
        kill(hearing->main, SIGKILL); /* our child, which nobody has awaited */
    while (waitpid(hearing->main, &status, __WALL) < 0 && errno == EINTR) {
    }
    program_kill_rest();
    if (read(errors, &code, sizeof code) == (ssize_t)sizeof code)
        return fail(err, code, "run the program");
    if (program < 0 || listener < 0)
        return fail_plain(err, ECHILD, "run the program: it was killed before it began");
    *ret_status = hearing->is_ended ? SIGSYS : status;
    return 0;
}

static int run_child(struct hearing *hearing, struct start *start, int *ret_status, struct error *err)
{
    int sockets[2], errors[2];
    sigset_t passed;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return fail(err, errno, "socket pair");
    auto_fd int own_socket = sockets[0], child_socket = sockets[1];
    if (pipe2(errors, O_CLOEXEC) < 0)
        return fail(err, errno, "pipe");
    auto_fd int errors_out = errors[0], errors_in = errors[1];
    sigemptyset(&passed);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&passed, (int[]){ SIGINT, SIGQUIT, SIGTERM, SIGHUP }[i]);
    sigprocmask(SIG_BLOCK, &passed, &start->mask);
    auto_fd int signals = signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return fail(err, errno, "signals");
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    start->socket = child_socket;
    start->errors = errors_in;
    fflush(NULL);
    hearing->main = fork();
    if (hearing->main == 0)
        become(start);
    if (hearing->main < 0)
        return fail(err, errno, "fork");
    close(fd_take(&child_socket));
    close(fd_take(&errors_in));
    int done = follow(hearing, own_socket, signals, errors_out, ret_status, err);
    sigprocmask(SIG_SETMASK, &start->mask, NULL);
    return done;
}

/* `start` has all but its ends of socket and pipe. */
static int hear(struct start *start, notify_take *take, void *arg, int *ret_status, struct error *err)
{
    struct hearing *hearing = calloc(1, sizeof *hearing);
    if (hearing == NULL)
        return fail(err, ENOMEM, "notifications");
    *hearing = (struct hearing){ .take = take, .arg = arg, .listener = -1 };
    int done = make_room(hearing, err);
    if (done == 0)
        done = run_child(hearing, start, ret_status, err);
    free(hearing->question);
    free(hearing->answer);
    free(hearing);
    return done;
}

int notify_run(const struct profile *profile, char *const argv[], notify_take *take, void *arg, int *ret_status,
               struct error *err)
{
    struct start start = { .argv = argv };
    struct sock_filter *program = NULL;
    uint32_t count = 0;
    errno = 0;
    auto_fd int fd = program_open(argv[0], err);
    if (fd < 0)
        return fd;
    start.program_fd = fd;
    if (getrandom(&start.password, sizeof start.password, 0) != (ssize_t)sizeof start.password)
        return fail(err, errno, "random numbers");
    int done = make_program(profile, &start.password, &program, &count, err);
    if (done < 0)
        return done;
    const struct sock_fprog filter = { (unsigned short)count, program };
    start.filter = &filter;
    done = hear(&start, take, arg, ret_status, err);
    free(program);
    return done;
}
