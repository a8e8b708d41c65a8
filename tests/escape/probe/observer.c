/*
 * Not attacks: what a test needs a job to do while it looks at it from outside.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int hold(int argc, char **argv)
{
    (void)argc;
    printf("ready\n");
    fflush(stdout);
    usleep((useconds_t)(number(argv[0]) * 1000));
    return 0;
}

static int lines(int argc, char **argv)
{
    (void)argc;
    long count = number(argv[0]);
    for (long i = 0; i < count; i++) {
        printf("%ld %.6f\n", i, now());
        fflush(stdout);
        usleep((useconds_t)(number(argv[1]) * 1000));
    }
    return 0;
}

/* Byte N is letter N modulo 37 of the alphabet below, so whoever reads can tell what must come. */
static int flood(int argc, char **argv)
{
    (void)argc;
    static char block[37 * 1771];
    long left = number(argv[0]);
    size_t at = 0;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = "0123456789abcdefghijklmnopqrstuvwxyz\n"[i % 37];
    while (left > 0) {
        size_t piece = sizeof block - at;
        if ((long)piece > left)
            piece = (size_t)left;
        ssize_t length = write(1, block + at, piece);
        if (length < 0)
            return broken("write: %s", strerror(errno));
        left -= length;
        at = (at + (size_t)length) % sizeof block;
    }
    fprintf(stderr, "done %.6f\n", now());
    return 0;
}

static int arguments(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        for (const unsigned char *byte = (const unsigned char *)argv[i]; *byte != 0; byte++)
            printf("%02x", *byte);
        printf("\n");
    }
    return 0;
}

static int environment(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (char **entry = environ; *entry != NULL; entry++)
        printf("%s\n", *entry);
    return 0;
}

static int finish(int argc, char **argv)
{
    (void)argc;
    return (int)number(argv[0]);
}

static int die(int argc, char **argv)
{
    (void)argc;
    signal((int)number(argv[0]), SIG_DFL);
    kill(getpid(), (int)number(argv[0]));
    return broken("still alive");
}

static int read_input(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    long total = 0;
    char block[4096];
    ssize_t length;
    while ((length = read(0, block, sizeof block)) > 0)
        total += length;
    printf("%ld bytes\n", total);
    return 0;
}

static int raw_output(int argc, char **argv)
{
    (void)argc;
    for (const char *at = argv[0]; at[0] != 0 && at[1] != 0; at += 2) {
        char hex[3] = { at[0], at[1], 0 };
        putchar((int)strtol(hex, NULL, 16));
    }
    return 0;
}

/* What a process inherits from a careless parent. Each difference is named. */
static int inherited(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char found[400] = "";
    struct rlimit files;
    sigset_t blocked_signals;
    mode_t mask = umask(077);
    if (mask == 0)
        add_text(found, sizeof found, " umask");
    sigprocmask(SIG_BLOCK, NULL, &blocked_signals);
    for (int number_of_signal = 1; number_of_signal < 32; number_of_signal++) {
        struct sigaction action;
        if (sigismember(&blocked_signals, number_of_signal) == 1)
            add_text(found, sizeof found, " blocked-%d", number_of_signal);
        if (sigaction(number_of_signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            add_text(found, sizeof found, " ignored-%d", number_of_signal);
    }
    errno = 0;
    if (getpriority(PRIO_PROCESS, 0) != 0)
        add_text(found, sizeof found, " nice");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur == 123)
        add_text(found, sizeof found, " files");
    if (getenv("LD_PRELOAD") != NULL || getenv("SALLYPORT_TEST_CANARY") != NULL)
        add_text(found, sizeof found, " environment");
    if (found[0] != 0)
        return worked("inherited:%s", found);
    return blocked(EPERM, "nothing inherited");
}

static void print_limits(void)
{
    for (int resource = 0; resource < RLIMIT_NLIMITS; resource++) {
        struct rlimit limit = { 0 };
        getrlimit((__rlimit_resource_t)resource, &limit);
        printf("limit %d: %lld %lld\n", resource, (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
}

/* The lines of a file that begin with one of these words, or all of them; mounts without their numbers. */
static void print_lines(const char *path, const char *const *words)
{
    char line[4096];
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        bool is_wanted = *words == NULL;
        for (const char *const *word = words; *word != NULL; word++)
            is_wanted |= strncmp(line, *word, strlen(*word)) == 0;
        const char *text = line;
        for (int i = 0; *words == NULL && i < 4; i++)
            text += strcspn(text, " ") + 1;
        if (is_wanted)
            printf("%s", text);
    }
    if (file != NULL)
        fclose(file);
}

/* Everything about this process that its setup decides, in one write: two jobs that were set up alike print the same. */
static int fingerprint(int argc, char **argv)
{
    static char buffer[65536], path[1024];
    static const char *const of_status[] = { "Uid:", "Gid:",        "Groups:", "Sig",    "Shd",
                                             "Cap",  "NoNewPrivs:", "Seccomp", "Umask:", NULL };
    static const char *const all[] = { NULL };
    struct utsname about;
    struct stat tmp = { 0 };
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    print_lines("/proc/self/status", of_status);
    print_limits();
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("fd %d\n", fd);
    print_lines("/proc/self/mountinfo", all);
    uname(&about);
    stat("/tmp", &tmp);
    printf("name %s, tmp %o %u, place %s\n", about.nodename, tmp.st_mode, tmp.st_uid, getcwd(path, sizeof path) ?: "?");
    printf("pid %d, parent %d, session %d, group %d\n", getpid(), getppid(), getsid(0), getpgid(0));
    errno = 0;
    int parent_signal = -1;
    int asked = prctl(PR_GET_PDEATHSIG, &parent_signal, 0, 0, 0);
    printf("dies with its parent by %d %s\n", parent_signal, asked < 0 ? strerrorname_np(errno) : "");
    struct sockaddr_in address = { .sin_family = AF_INET };
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int bound = tcp < 0 ? -1 : bind(tcp, (struct sockaddr *)&address, sizeof address);
    printf("tcp %s\n", bound < 0 ? strerrorname_np(errno) : "bound");
    for (int i = 0; i < argc; i++)
        printf("argument %s\n", argv[i]);
    for (char **entry = environ; *entry != NULL; entry++)
        if (strncmp(*entry, "SALLYPORT_", 10) != 0)
            printf("%s\n", *entry);
    printf("end\n");
    fflush(stdout);
    return 0;
}

const struct attack observer_tools[] = {
    { "fingerprint", "fingerprint", fingerprint, 0, "ARGUMENT...: all that the setup of a process decides" },
    { "hold", "hold", hold, 1, "MS: says ready and stays" },
    { "lines", "lines", lines, 2, "COUNT PAUSE-MS: numbered lines with the monotonic time" },
    { "flood", "flood", flood, 1, "BYTES: predictable output" },
    { "argv", "argv", arguments, 0, "ARGUMENT...: prints each in hexadecimal" },
    { "env", "env", environment, 0, ": prints the environment" },
    { "exit", "exit", finish, 1, "STATUS" },
    { "die", "die", die, 1, "SIGNAL" },
    { "stdin", "stdin", read_input, 0, ": counts the bytes of standard input" },
    { "raw", "raw", raw_output, 1, "HEX: prints these bytes" },
    { "S109", "inherited", inherited, 0, ": looks for what a careless parent left" },
    { 0 },
};
