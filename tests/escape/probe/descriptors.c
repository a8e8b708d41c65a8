/*
 * Descriptors, the working directory and the images of our own programs.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define UP "../../../../../../../../../../.."

/* Every descriptor above 2 is one too many. One that is a directory may lead to the host's tree. */
static int leaked_descriptors(int argc, char **argv)
{
    (void)argc;
    char found[400] = "", path[1024];
    snprintf(path, sizeof path, UP "%s", argv[0]);
    for (int fd = 3; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        int canary = openat(fd, path, O_RDONLY | O_CLOEXEC);
        if (canary >= 0)
            return judge_canary(canary, "a file behind a leaked directory");
        add_text(found, sizeof found, " %d", fd);
    }
    if (found[0] != 0)
        return worked("open descriptors:%s", found);
    return blocked(EBADF, "only 0, 1 and 2 are open");
}

static int working_directory(int argc, char **argv)
{
    (void)argc;
    char path[1024];
    snprintf(path, sizeof path, UP "%s", argv[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int code = errno;
        snprintf(path, sizeof path, "/proc/self/cwd/" UP "%s", argv[0]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        errno = code;
    }
    return judge_canary(fd, "a file above the working directory");
}

static int program_of_init(int argc, char **argv)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/exe", argc > 0 ? argv[0] : "1");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return judge(fd, path);
}

/*
 * Three steps, each in a program of its own, because a file that is being executed cannot be written: the writable copy
 * keeps an O_PATH descriptor to itself and executes the first program again, which opens that descriptor for writing.
 */
static int own_program(int argc, char **argv)
{
    if (argc == 2) {
        execl(argv[0], argv[0], "S05", argv[0], argv[1], "open", NULL);
        return broken("execute %s: %s", argv[0], strerror(errno));
    }
    if (strcmp(argv[2], "open") == 0) {
        char text[16];
        int self = open("/proc/self/exe", O_PATH);
        if (self < 0)
            return blocked(errno, "O_PATH of /proc/self/exe");
        snprintf(text, sizeof text, "%d", self);
        execl(argv[1], argv[1], "S05", argv[0], argv[1], text, NULL);
        return broken("execute %s: %s", argv[1], strerror(errno));
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%s", argv[2]);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return blocked(errno, "open the program's file for writing");
    return judge(pwrite(fd, "X", 1, 8), "write to the program's file");
}

static int truncate_output(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (lseek(1, 0, SEEK_SET) < 0 || ftruncate(1, 0) < 0)
        return blocked(errno, "seek and truncate standard output");
    return worked("standard output starts again at 0");
}

static int reopen_output(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return judge(fd, "open the reading end of standard output");
}

static int pipe_size(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int before = fcntl(1, F_GETPIPE_SZ);
    int after = fcntl(1, F_SETPIPE_SZ, 1 << 20);
    if (after < 0)
        return blocked(errno, "enlarge the pipe from %d", before);
    return worked("the pipe holds %d bytes instead of %d", after, before);
}

static int pass_descriptor(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(argv[0]);
    if (length >= sizeof address.sun_path - 1)
        return broken("the name is too long");
    memcpy(address.sun_path + 1, argv[0], length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return blocked(errno, "make a socket");
    if (connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0)
        return blocked(errno, "connect to @%s", argv[0]);

    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec data = { argv[1], strlen(argv[1]) };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &(int){ 1 }, sizeof(int));
    return judge(sendmsg(fd, &message, MSG_NOSIGNAL), "send a descriptor through an abstract socket");
}

static int steal_descriptor(int argc, char **argv)
{
    pid_t victim = argc > 0 ? (pid_t)number(argv[0]) : 1;
    int process = (int)syscall(SYS_pidfd_open, victim, 0);
    if (process < 0)
        return blocked(errno, "pidfd_open of %d", (int)victim);
    long fd = -1;
    for (int number_there = 0; fd < 0 && number_there < 64; number_there++)
        fd = syscall(SYS_pidfd_getfd, process, number_there, 0);
    return judge(fd, "take a descriptor of another process");
}

/* What a status pipe would look like to a job that inherited it: anything above 2 that takes bytes. */
static int forge_report(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    /* From above: init's result comes first then. A report of the set-up would be believed, too, and nobody would hear that it worked. */
    for (int fd = 1023; fd > 2; fd--) {
        struct stat about;
        if (fstat(fd, &about) < 0 || (!S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode)))
            continue;
        if (write(fd, "\0\0\0\0\0\0\0\0", 8) == 8)
            return worked("descriptor %d took a forged report", fd);
    }
    return blocked(EBADF, "no pipe or socket above 2");
}

const struct attack descriptor_attacks[] = {
    { "S01", "leaked-descriptors", leaked_descriptors, 1, "CANARY: reads CANARY through any inherited directory" },
    { "S02", "cwd-above-root", working_directory, 1, "CANARY: reads it through the working directory" },
    { "S04", "program-of-init", program_of_init, 0, "[PID]: opens /proc/1/exe" },
    { "S05", "own-program", own_program, 2, "WRITABLE-COPY PROBE: opens its own executable for writing" },
    { "S06a", "truncate-output", truncate_output, 0, ": seeks and truncates standard output" },
    { "S06b", "reopen-output", reopen_output, 0, ": opens the other end of standard output" },
    { "S07", "pipe-size", pipe_size, 0, ": makes the output pipe as large as the kernel lets it" },
    { "S08", "pass-descriptor", pass_descriptor, 2, "ABSTRACT-NAME TEXT: sends TEXT and a descriptor to it" },
    { "S09", "steal-descriptor", steal_descriptor, 0, "[PID]: pidfd_getfd on init or PID" },
    { "S10", "forge-report", forge_report, 0, ": writes a report to every inherited pipe" },
    { 0 },
};
