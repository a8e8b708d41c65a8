/*
 * Ctrl-C and its kin while a job is followed. The rules (also in `sallyport run --help`):
 *
 *   run             Ctrl-C asks the server to cancel, and the job is followed to its real end; the second one detaches.
 *                   TERM and HUP detach at once: a dying terminal must not stop a deployment.
 *   logs, attach    all of them detach.
 *   --on-interrupt  detach: the first Ctrl-C detaches. cancel: TERM and HUP cancel too. signal:NAME: the first Ctrl-C sends
 *                   the job this signal.
 */
#pragma once

#include <stdbool.h>

struct error;

enum interrupt_way {
    INTERRUPT_DEFAULT, /* cancel by Ctrl-C, detach by TERM and HUP */
    INTERRUPT_DETACH,
    INTERRUPT_CANCEL,
    INTERRUPT_SIGNAL,
};

struct interrupt_rule {
    enum interrupt_way way;
    int signal; /* INTERRUPT_SIGNAL */
};

enum interrupt_action { INTERRUPT_DO_DETACH, INTERRUPT_DO_CANCEL, INTERRUPT_DO_SIGNAL };

/* "detach", "cancel", "signal:INT". */
int interrupt_parse(const char *text, struct interrupt_rule *ret_rule, struct error *err);

/* What this signal means when `earlier` others came before it. */
enum interrupt_action interrupt_decide(const struct interrupt_rule *rule, int signal, unsigned earlier);

/*
 * From now on INT, TERM and HUP wake a poll on the returned descriptor and cut blocking writes short, instead of ending
 * us; signals that were ignored stay so (nohup). The descriptor belongs to this module. -errno on failure. Whoever opens what
 * is open already gets the same, and each has to close it.
 */
int interrupt_open(int *ret_fd, struct error *err);

/* The next signal that came, or 0. */
int interrupt_take(void);

/* Signals end us again, when all have closed it. */
void interrupt_close(void);
