#include "interrupt.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>

#include "sallyport/base/error.h"

Test(interrupt, follows_the_rules_of_the_documentation)
{
    static const struct {
        struct interrupt_rule rule;
        int signal;
        unsigned earlier;
        enum interrupt_action action;
    } rows[] = {
        { { INTERRUPT_DEFAULT, 0 }, SIGINT, 0, INTERRUPT_DO_CANCEL },
        { { INTERRUPT_DEFAULT, 0 }, SIGINT, 1, INTERRUPT_DO_DETACH },
        { { INTERRUPT_DEFAULT, 0 }, SIGTERM, 0, INTERRUPT_DO_DETACH },
        { { INTERRUPT_DEFAULT, 0 }, SIGHUP, 0, INTERRUPT_DO_DETACH },
        { { INTERRUPT_DETACH, 0 }, SIGINT, 0, INTERRUPT_DO_DETACH },
        { { INTERRUPT_CANCEL, 0 }, SIGTERM, 0, INTERRUPT_DO_CANCEL },
        { { INTERRUPT_CANCEL, 0 }, SIGHUP, 0, INTERRUPT_DO_CANCEL },
        { { INTERRUPT_CANCEL, 0 }, SIGTERM, 1, INTERRUPT_DO_DETACH },
        { { INTERRUPT_SIGNAL, SIGUSR1 }, SIGINT, 0, INTERRUPT_DO_SIGNAL },
        { { INTERRUPT_SIGNAL, SIGUSR1 }, SIGTERM, 0, INTERRUPT_DO_DETACH },
        { { INTERRUPT_SIGNAL, SIGUSR1 }, SIGINT, 1, INTERRUPT_DO_DETACH },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(interrupt_decide(&rows[i].rule, rows[i].signal, rows[i].earlier), rows[i].action, "row %zu", i);
}

Test(interrupt, rules_are_read_strictly)
{
    struct interrupt_rule rule;
    struct error err;
    cr_expect_eq(interrupt_parse("signal:USR1", &rule, &err), 0);
    cr_expect(rule.way == INTERRUPT_SIGNAL && rule.signal == SIGUSR1);
    cr_expect_eq(interrupt_parse("cancel", &rule, &err), 0);
    cr_expect_eq(interrupt_parse("detach", &rule, &err), 0);
    cr_expect_lt(interrupt_parse("signal:", &rule, &err), 0);
    cr_expect_lt(interrupt_parse("stop", &rule, &err), 0);
}

Test(interrupt, a_signal_wakes_a_poll_and_is_told_once)
{
    struct error err;
    int fd;
    signal(SIGINT, SIG_DFL); /* whoever starts us in the background may have ignored it */
    cr_assert_eq(interrupt_open(&fd, &err), 0);
    cr_expect_eq(interrupt_take(), 0);
    raise(SIGINT);
    raise(SIGTERM);
    struct pollfd wake = { .fd = fd, .events = POLLIN };
    cr_expect_eq(poll(&wake, 1, 0), 1);
    cr_expect_eq(interrupt_take(), SIGINT);
    cr_expect_eq(interrupt_take(), SIGTERM);
    cr_expect_eq(interrupt_take(), 0);
    interrupt_close();
}

Test(interrupt, what_was_ignored_stays_ignored)
{
    struct error err;
    int fd;
    signal(SIGHUP, SIG_IGN);
    cr_assert_eq(interrupt_open(&fd, &err), 0);
    raise(SIGHUP);
    cr_expect_eq(interrupt_take(), 0);
    interrupt_close();
}

Test(interrupt, is_shared_by_all_who_open_it_until_the_last_has_closed_it)
{
    struct error err;
    int fd, same;
    signal(SIGINT, SIG_DFL);
    cr_assert_eq(interrupt_open(&fd, &err), 0);
    cr_assert_eq(interrupt_open(&same, &err), 0);
    cr_expect_eq(same, fd);
    interrupt_close();
    raise(SIGINT);
    cr_expect_eq(interrupt_take(), SIGINT);
    interrupt_close();
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    cr_expect_eq(now.sa_handler, SIG_DFL);
}
