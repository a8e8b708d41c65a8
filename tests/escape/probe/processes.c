/*
 * Processes that multiply or refuse to go. Those that never end by themselves print a line first: the test
 * decides by what is left on the host.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void ignore_signals(void)
{
    for (int number_of_signal = 1; number_of_signal < 32; number_of_signal++)
        signal(number_of_signal, SIG_IGN);
}

static int stop_everybody(int argc, char **argv)
{
    (void)argc;
    prctl(PR_SET_NAME, argv[0]);
    printf("stopping\n");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    kill(child, SIGSTOP);
    kill(1, SIGSTOP);
    for (;;)
        kill(getpid(), SIGSTOP);
    return BROKEN;
}

/* The first process ends at once; what it leaves has another session, no descriptors and no open ears. */
static int daemonise(int argc, char **argv)
{
    bool keeps_output = argc > 2;
    long seconds = number(argv[1]);
    pid_t pid = fork();
    if (pid < 0)
        return blocked(errno, "fork");
    if (pid > 0) {
        usleep(200000); /* so that the daemon has its name and ears closed before we end */
        return worked("left a daemon named %s", argv[0]);
    }
    setsid();
    if (fork() > 0)
        _exit(0);
    prctl(PR_SET_NAME, argv[0]);
    ignore_signals();
    for (int fd = 0; fd < 64; fd++)
        if (!keeps_output || fd > 2)
            close(fd);
    for (long i = 0; i < seconds * 10; i++)
        usleep(100000);
    _exit(0);
}

/* Each process lives for a moment and leaves two others, so that whoever walks a list of pids comes too late. */
static int fork_race(int argc, char **argv)
{
    (void)argc;
    prctl(PR_SET_NAME, argv[0]);
    long seconds = number(argv[1]);
    time_t end = time(NULL) + seconds;
    printf("running\n");
    fflush(stdout);
    ignore_signals();
    setsid();
    for (;;) {
        if (time(NULL) >= end)
            _exit(0);
        pid_t pid = fork();
        if (pid > 0)
            _exit(0); /* we go, the child goes on */
        setsid();
        if (getpid() % 8 == 0)
            usleep(5000); /* long enough to be seen by whoever looks for us */
    }
}

static int zombies(int argc, char **argv)
{
    (void)argc;
    long wanted = number(argv[0]);
    for (long i = 0; i < wanted; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return blocked(errno, "after %ld processes", i);
        if (pid == 0)
            _exit(0);
    }
    return worked("%ld zombies", wanted);
}

static int fork_bomb(int argc, char **argv)
{
    (void)argc;
    long wanted = number(argv[0]);
    for (long i = 0; i < wanted; i++)
        if (sleeping_child() < 0)
            return blocked(errno, "after %ld processes", i);
    return worked("%ld processes", wanted);
}

static void *sleep_forever(void *argument)
{
    (void)argument;
    for (;;)
        pause();
    return NULL;
}

static int thread_bomb(int argc, char **argv)
{
    (void)argc;
    long wanted = number(argv[0]);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    for (long i = 0; i < wanted; i++) {
        pthread_t thread;
        int code = pthread_create(&thread, &attr, sleep_forever, NULL);
        if (code != 0)
            return blocked(code, "after %ld threads", i);
    }
    return worked("%ld threads", wanted);
}

/* For a report that is parsed from text: a name that looks like the rest of /proc/PID/stat. */
static int poisoned_name(int argc, char **argv)
{
    (void)argc;
    prctl(PR_SET_NAME, ") R 1 1\n9");
    return (int)number(argv[0]);
}

const struct attack process_attacks[] = {
    { "S61", "stop-everybody", stop_everybody, 1, "NAME: stops itself and everybody else" },
    { "S62", "daemonise", daemonise, 2, "NAME SECONDS [keep]: leaves a process behind; keep: with its output open" },
    { "S63", "fork-race", fork_race, 2, "NAME SECONDS: forks faster than it can be killed" },
    { "S65", "zombies", zombies, 1, "COUNT: children that nobody waits for" },
    { "S66a", "fork-bomb", fork_bomb, 1, "COUNT: processes" },
    { "S66b", "thread-bomb", thread_bomb, 1, "COUNT: threads" },
    { "S92", "poisoned-name", poisoned_name, 1, "STATUS: takes an awkward name and exits" },
    { 0 },
};
