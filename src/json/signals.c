#include "sallyport/json/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [SIGHUP] = "HUP",   [SIGINT] = "INT",     [SIGQUIT] = "QUIT", [SIGILL] = "ILL",   [SIGTRAP] = "TRAP",
    [SIGABRT] = "ABRT", [SIGBUS] = "BUS",     [SIGFPE] = "FPE",   [SIGKILL] = "KILL", [SIGUSR1] = "USR1",
    [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",   [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
    [SIGCHLD] = "CHLD", [SIGCONT] = "CONT",   [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN",
    [SIGTTOU] = "TTOU", [SIGURG] = "URG",     [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM",
    [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO",     [SIGPWR] = "PWR",   [SIGSYS] = "SYS",
};
#define NAME_COUNT (sizeof names / sizeof names[0])

int signal_number(const char *name)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (names[i] != NULL && strcmp(names[i], name) == 0)
            return (int)i;
    return 0;
}

const char *signal_name(int number)
{
    return number > 0 && (size_t)number < NAME_COUNT ? names[number] : NULL;
}
