/*
 * What the notifier keeps: its two channels, and the right to make sockets of TCP and UDP that connect. The order is the
 * argument:
 *
 *   limits               before the filter, which refuses to change or even to read them
 *   an empty root        while CAP_SYS_ADMIN is there: no certificates, no resolv.conf; their contents were handed over
 *   ids, capabilities    from here on nothing above can be undone
 *   Landlock             no file, no bind; connect stays
 *   system calls         last: the steps above make calls that the filter ends us for. No thread can be made, so libcurl
 *                        cannot look up a name behind our back (its resolver is a thread)
 */
#include "lockdown.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/confine/confine.h"
#include "sallyport/proto/messages.h"

#define LANDLOCK_ABI_COMPLETE 6

/* For each attempt: three name servers, or connections to addresses that are tried side by side; and the body's file. */
#define DESCRIPTORS_MAX  1024
#define MEMORY_MAX_BYTES (128ul * 1024 * 1024) /* attempts take about 100 KiB each; this is for what goes wrong */

static const char *const notifier_calls[] = { "connect", "getsockname", "getpeername", "getsockopt", NULL };

#define ALL            UINT32_MAX
#define WITHOUT(flags) (~(uint32_t)(flags))
#define TYPE_FLAGS     (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* Connections, and questions to name servers. No unix, netlink, packet or raw socket; bind, listen and accept are not there. */
static const struct confine_condition notifier_conditions[] = {
    { "socket", { { ALL, AF_INET }, { WITHOUT(TYPE_FLAGS), SOCK_STREAM }, { ALL, IPPROTO_TCP } } },
    { "socket", { { ALL, AF_INET6 }, { WITHOUT(TYPE_FLAGS), SOCK_STREAM }, { ALL, IPPROTO_TCP } } },
    { "socket", { { ALL, AF_INET }, { WITHOUT(TYPE_FLAGS), SOCK_DGRAM }, { ALL, 0 } } },
    { "socket", { { ALL, AF_INET6 }, { WITHOUT(TYPE_FLAGS), SOCK_DGRAM }, { ALL, 0 } } },
    { "setsockopt", { { 0, 0 }, { ALL, IPPROTO_TCP }, { ALL, TCP_NODELAY } } },
    { .name = NULL },
};

static int limit(const char *name, __rlimit_resource_t resource, rlim_t most, struct error *err)
{
    struct rlimit wanted = { most, most }, is;
    if (setrlimit(resource, &wanted) < 0)
        return fail(err, errno, "limit %s", name);
    if (getrlimit(resource, &is) < 0)
        return fail(err, errno, "read the limit of %s", name);
    if (is.rlim_cur != most || is.rlim_max != most)
        return fail_plain(err, EPERM, "the limit of %s is not %lu", name, (unsigned long)most);
    return 0;
}

static int set_limits(struct error *err)
{
    int done = limit("open files", RLIMIT_NOFILE, DESCRIPTORS_MAX, err);
    if (done == 0)
        done = limit("processes and threads", RLIMIT_NPROC, 0, err);
#if !defined(__SANITIZE_ADDRESS__) /* whose shadow memory would count */
    if (done == 0)
        done = limit("memory", RLIMIT_DATA, MEMORY_MAX_BYTES, err);
#endif
    return done;
}

/* Asks the filter what it answers: it was compiled from the table above, and this is what the table is for. */
static int verify_sockets(struct error *err)
{
    static const struct {
        int family, type, protocol;
        bool is_allowed;
    } sockets[] = {
        { AF_INET, SOCK_STREAM, IPPROTO_TCP, true }, { AF_INET, SOCK_DGRAM, 0, true },
        { AF_UNIX, SOCK_STREAM, 0, false },          { AF_NETLINK, SOCK_RAW, 0, false },
        { AF_INET, SOCK_RAW, IPPROTO_TCP, false },   { AF_INET, SOCK_STREAM, IPPROTO_SCTP, false },
    };
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        int fd = socket(sockets[i].family, sockets[i].type | SOCK_CLOEXEC, sockets[i].protocol);
        bool is_refused = fd < 0 && errno == ENOSYS;
        if (fd >= 0)
            close(fd);
        if (is_refused == sockets[i].is_allowed)
            return fail_plain(err, EPERM, "verify: sockets of family %d, type %d are %s", sockets[i].family,
                              sockets[i].type, is_refused ? "refused" : "allowed");
    }
    if (syscall(SYS_bind, -1, NULL, 0) == 0 || errno != ENOSYS || syscall(SYS_listen, -1, 1) == 0 || errno != ENOSYS)
        return fail_plain(err, EPERM, "verify: bind and listen are allowed");
    return 0;
}

int notifier_lock_down(const struct msg_become *become, struct error *err)
{
    const char *const *groups[] = { confine_calls_base, confine_calls_loop, notifier_calls };
    uint32_t abi = 0;
    tzset(); /* which reads a file, once */
    int done = set_limits(err);
    if (done == 0)
        done = confine_root(-1, err);
    if (done == 0)
        done = confine_become(become->uid, become->gid, become->keeps_ids, err);
    if (done == 0)
        done = confine_landlock_but_connect(&abi, err);
    if (done == 0)
        done = confine_syscalls_if(groups, sizeof groups / sizeof groups[0], notifier_conditions, err);
    if (done == 0)
        done = confine_verify(become->uid, become->gid, become->keeps_ids, err);
    if (done == 0)
        done = verify_sockets(err);
    if (done < 0)
        return fail_in(err, "lock down");
    if (abi < LANDLOCK_ABI_COMPLETE)
        log_warn("Landlock ABI %u of this kernel does not cover signals and abstract sockets; going on without", abi);
    return 0;
}
