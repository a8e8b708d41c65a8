#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
#define CAUGHT_COUNT (sizeof caught / sizeof caught[0])

static int pipe_ends[2] = { -1, -1 };
static struct sigaction former[CAUGHT_COUNT];
static unsigned users;

int interrupt_parse(const char *text, struct interrupt_rule *ret_rule, struct error *err)
{
    if (strcmp(text, "detach") == 0) {
        *ret_rule = (struct interrupt_rule){ .way = INTERRUPT_DETACH };
        return 0;
    }
    if (strcmp(text, "cancel") == 0) {
        *ret_rule = (struct interrupt_rule){ .way = INTERRUPT_CANCEL };
        return 0;
    }
    int number = strncmp(text, "signal:", 7) == 0 ? signal_number(text + 7) : 0;
    if (number == 0)
        return fail_plain(err, EINVAL,
                          "--on-interrupt takes detach, cancel or signal:NAME (as in signal:INT), not '%s'", text);
    *ret_rule = (struct interrupt_rule){ .way = INTERRUPT_SIGNAL, .signal = number };
    return 0;
}

enum interrupt_action interrupt_decide(const struct interrupt_rule *rule, int signal, unsigned earlier)
{
    if (earlier > 0 || rule->way == INTERRUPT_DETACH)
        return INTERRUPT_DO_DETACH;
    if (rule->way == INTERRUPT_CANCEL)
        return INTERRUPT_DO_CANCEL;
    if (signal != SIGINT)
        return INTERRUPT_DO_DETACH;
    return rule->way == INTERRUPT_SIGNAL ? INTERRUPT_DO_SIGNAL : INTERRUPT_DO_CANCEL;
}

static void on_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    (void)!write(pipe_ends[1], &byte, 1); /* a full pipe holds enough signals */
    errno = saved;
}

int interrupt_open(int *ret_fd, struct error *err)
{
    if (users == 0 && pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return fail(err, errno, "prepare for Ctrl-C");
    for (size_t i = 0; i < CAUGHT_COUNT && users == 0; i++) {
        /* Without SA_RESTART: a write to a stalled reader must let go. */
        struct sigaction action = { .sa_handler = on_signal };
        sigaction(caught[i], NULL, &former[i]);
        if (former[i].sa_handler != SIG_IGN)
            sigaction(caught[i], &action, NULL);
    }
    users++;
    *ret_fd = pipe_ends[0];
    return 0;
}

int interrupt_take(void)
{
    unsigned char byte;
    return read(pipe_ends[0], &byte, 1) == 1 ? byte : 0;
}

void interrupt_close(void)
{
    if (users == 0 || --users > 0)
        return;
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaction(caught[i], &former[i], NULL);
    fd_close(&pipe_ends[0]);
    fd_close(&pipe_ends[1]);
}
