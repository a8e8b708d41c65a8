#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define BACKLOG 511

/*
 * What may lie in the kernel for a client and is not sent yet (tcp(7), TCP_NOTSENT_LOWAT). Without it the kernel takes megabytes
 * for each client that reads slowly, and the front is kept busy with filling them.
 */
#define UNSENT_MAX_BYTES (32 * 1024)

static int open_tcp(const struct config_listener *listener, int *ret_fd, struct error *err)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(listener->port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(listener->port) };
    bool is_v4 = inet_pton(AF_INET, listener->host, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, listener->host, &v6.sin6_addr) != 1)
        return fail_plain(err, EINVAL, "listen on '%s': not a numeric address", listener->address);
    auto_fd int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1, unsent_max = UNSENT_MAX_BYTES;
    if (fd < 0)
        return fail(err, errno, "listen on '%s'", listener->address);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof unsent_max) < 0)
        return fail(err, errno, "listen on '%s': set options", listener->address);
    if (!is_v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return fail(err, errno, "listen on '%s': IPv6 only", listener->address);
    const struct sockaddr *address = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    if (bind(fd, address, is_v4 ? sizeof v4 : sizeof v6) < 0 || listen(fd, BACKLOG) < 0)
        return fail(err, errno, "listen on '%s'", listener->address);
    *ret_fd = fd_take(&fd);
    return 0;
}

/* Removes a socket file that nobody answers on any more; anything else in the way is an error. */
static int clear_path(const struct config_listener *listener, const struct sockaddr_un *address, struct error *err)
{
    struct stat st;
    if (lstat(listener->path, &st) < 0)
        return errno == ENOENT ? 0 : fail(err, errno, "look at '%s'", listener->path);
    if (!S_ISSOCK(st.st_mode))
        return fail_plain(err, EEXIST, "listen on '%s': there is a file that is no socket", listener->address);
    auto_fd int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0)
        return fail_plain(err, EADDRINUSE, "listen on '%s': another process answers there", listener->address);
    return unlink(listener->path) < 0 ? fail(err, errno, "remove the old socket '%s'", listener->path) : 0;
}

/*
 * Everybody may connect, as with TCP on loopback; who may do what is decided by the peer's uid or a token, and nobody is
 * known by default. A host that wants less puts the socket into a directory with a mode of its own.
 */
static int open_unix(const struct config_listener *listener, int *ret_fd, struct error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(listener->path) >= sizeof address.sun_path)
        return fail_plain(err, ENAMETOOLONG, "listen on '%s': a socket's path has at most %zu bytes", listener->address,
                          sizeof address.sun_path - 1);
    memcpy(address.sun_path, listener->path, strlen(listener->path));
    char directory[PATH_MAX_BYTES];
    snprintf(directory, sizeof directory, "%s", listener->path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL && slash != directory) {
        *slash = '\0';
        if (mkdir(directory, 0755) < 0 && errno != EEXIST)
            return fail(err, errno, "listen on '%s': make '%s'", listener->address, directory);
    }
    int done = clear_path(listener, &address, err);
    if (done < 0)
        return done;
    auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return fail(err, errno, "listen on '%s'", listener->address);
    if (chmod(listener->path, 0666) < 0 || listen(fd, BACKLOG) < 0)
        return fail(err, errno, "listen on '%s'", listener->address);
    *ret_fd = fd_take(&fd);
    return 0;
}

int listeners_open(struct bootstrap *bootstrap, struct error *err)
{
    for (uint32_t i = 0; i < bootstrap->config->listener_count; i++) {
        const struct config_listener *listener = &bootstrap->config->listeners[i];
        int *fd = &bootstrap->listener_fds[i];
        int done = listener->is_unix ? open_unix(listener, fd, err) : open_tcp(listener, fd, err);
        if (done < 0)
            return done;
    }
    return 0;
}

void listeners_close(struct bootstrap *bootstrap)
{
    for (uint32_t i = 0; i < bootstrap->config->listener_count; i++) {
        const struct config_listener *listener = &bootstrap->config->listeners[i];
        if (bootstrap->listener_fds[i] >= 0 && listener->is_unix)
            unlink(listener->path);
        fd_close(&bootstrap->listener_fds[i]);
    }
}
