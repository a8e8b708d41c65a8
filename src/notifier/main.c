/*
 * The notifier: makes the outgoing requests of callbacks, and nothing else. It accepts no connection, opens no file, runs
 * nothing, knows no job and holds no secret: what it sends comes from the keeper ready made, signature and all.
 *
 * It believes the bootstrap (its orders on descriptor 3). The keeper's orders are looked at before they are obeyed. It
 * believes nothing of the other side: not the answer of a name server, which is why each address is judged at the moment of
 * the connection; not the receiver's answer, of which a status and a Retry-After are read and the rest is thrown away.
 * Whoever takes it over can make outgoing connections; the keeper distrusts what it says about them.
 *
 * One order is one attempt. Nothing is kept here: a notifier that is killed is started again, and the keeper asks again.
 */
#include <signal.h>
#include <stdlib.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#include "lockdown.h"
#include "notifier.h"

#define CONTROL_FD 3

/* The orderly stop comes over the control channel; a terminal's Ctrl-C is for the bootstrap alone. */
static void ignore_signals(void)
{
    static const int ignored[] = { SIGPIPE, SIGINT, SIGHUP, SIGQUIT };
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
}

int main(void)
{
    struct error err = { 0 };
    log_init("notifier");
    ignore_signals();
    if (fd_sanitise_stdio(&err) < 0 || notifier_run(CONTROL_FD, notifier_lock_down, &err) < 0) {
        log_error("notifier cannot go on: %s", err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
