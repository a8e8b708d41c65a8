/*
 * Verdict lines and the small tools that attacks share.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct attack *current_attack;

static void __attribute__((format(printf, 2, 0))) say(const char *word, const char *format, va_list args)
{
    printf("%s %s: %s ", current_attack->id, current_attack->name, word);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
}

#define SAY(word)                                                                                                      \
    do {                                                                                                               \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        say(word, format, args);                                                                                       \
        va_end(args);                                                                                                  \
    } while (0)

int worked(const char *format, ...)
{
    SAY("worked");
    return WORKED;
}

int blocked(int code, const char *format, ...)
{
    char word[64];
    snprintf(word, sizeof word, "blocked %s", strerrorname_np(code) ?: "?");
    SAY(word);
    return BLOCKED;
}

int cannot(const char *format, ...)
{
    SAY("cannot");
    return CANNOT;
}

int broken(const char *format, ...)
{
    SAY("broken");
    return BROKEN;
}

int judge(long result, const char *what)
{
    return result >= 0 ? worked("%s", what) : blocked(errno, "%s", what);
}

int judge_canary(int fd, const char *where)
{
    if (fd < 0)
        return blocked(errno, "%s", where);
    char text[200] = "";
    ssize_t length = read(fd, text, sizeof text - 1);
    if (length < 0)
        return blocked(errno, "%s opened, but could not be read", where);
    text[strcspn(text, "\n")] = 0;
    return worked("%s says '%s'", where, text);
}

void add_text(char *text, size_t room, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, room - used, format, args);
    va_end(args);
}

long number(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 0);
    if (errno != 0 || end == text || *end != 0)
        exit(broken("'%s' is not a number", text));
    return value;
}

int in_child(int (*work)(void *argument), void *argument)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(work(argument));
    }
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFSIGNALED(status) ? DIED_BY + WTERMSIG(status) : WEXITSTATUS(status);
}

pid_t sleeping_child(void)
{
    fflush(stdout);
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) /* it may have died before prctl */
        pause();
    _exit(0);
}

int copy_file(const char *from, const char *to, mode_t mode)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    int result = out < 0 ? -1 : 0;
    char block[16384];
    ssize_t length = 0;
    while (result == 0 && (length = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)length) != length)
            result = -1;
    int code = length < 0 || result < 0 ? errno : 0;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    errno = code;
    return code == 0 ? 0 : -1;
}

int copy_self(const char *path)
{
    return copy_file("/proc/self/exe", path, 0755);
}
