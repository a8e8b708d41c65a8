/*
 * The doorbell: an eventfd by which a keeper asks for a reload. It has no content; the files say what the reload will be. Only
 * how often it rang is counted, and told to the keeper again at the end of each reload, so that it knows which of its own
 * rings came before the beginning.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

int doorbell_make(struct bootstrap *bootstrap, struct error *err)
{
    fd_close(&bootstrap->doorbell_fd);
    bootstrap->rings = 0;
    bootstrap->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bootstrap->doorbell_fd < 0 ? fail(err, errno, "make a doorbell") : 0;
}

bool doorbell_heard(struct bootstrap *bootstrap)
{
    uint64_t rings = 0;
    if (read(bootstrap->doorbell_fd, &rings, sizeof rings) != (ssize_t)sizeof rings)
        return false;
    bootstrap->rings += rings;
    return true;
}
