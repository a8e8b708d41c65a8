#include "descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "front.h"

#define DESCRIPTORS_MOST  65536 /* the kernel's table for more takes memory that nobody needs */
#define DESCRIPTORS_SPARE 32    /* new keepers, memory files for stdin, settings */

void descriptors_raise(struct front *front)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        front->descriptors_max = 1024;
        return;
    }
    rlim_t wanted = limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST;
    if (wanted > limit.rlim_cur) {
        struct rlimit raised = { wanted, limit.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit.rlim_cur = wanted;
    }
    front->descriptors_max = limit.rlim_cur < DESCRIPTORS_MOST ? (unsigned)limit.rlim_cur : DESCRIPTORS_MOST;
}

/*
 * The kernel gives the lowest free number, so the top of the table is used last: if a duplicate that must lie in the last
 * `count` numbers gets the first of them, all of them are free.
 */
static bool are_free(const struct front *front, unsigned count)
{
    if (count >= front->descriptors_max)
        return false;
    int lowest = (int)(front->descriptors_max - count);
    int fd = fcntl(front->control.fd, F_DUPFD_CLOEXEC, lowest);
    if (fd >= 0)
        close(fd);
    return fd == lowest;
}

bool descriptors_allow_connection(const struct front *front)
{
    return are_free(front, front->descriptors_max / 4 + front->asks.fds_awaited);
}

bool descriptors_allow_stream(const struct front *front)
{
    return are_free(front, DESCRIPTORS_SPARE + front->asks.fds_awaited + 2);
}
