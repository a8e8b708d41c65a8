/*
 * The front: reads what strangers send, and holds nothing worth having. No files, no outgoing connections, no other
 * program, no rights; its descriptors are the listening sockets, the clients' connections and two channels.
 *
 * It believes the bootstrap (its orders on descriptor 3), takes the keeper's answers as they are, and believes no byte of a
 * client. What a client may do is never decided here: each request carries what the client showed to the keeper.
 */
#include <signal.h>
#include <stdlib.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#include "front.h"
#include "lockdown.h"

#define CONTROL_FD 3

int main(void)
{
    struct error err = { 0 };
    log_init("front");
    signal(SIGPIPE, SIG_IGN);
    if (fd_sanitise_stdio(&err) < 0 || front_run(CONTROL_FD, front_lock_down, &err) < 0) {
        log_error("front cannot go on: %s", err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
