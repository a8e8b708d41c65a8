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
#include <sys/resource.h>
#include <sys/stat.h>
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

const struct attack observer_tools[] = {
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
