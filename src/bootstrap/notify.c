/*
 * The word to the service manager: sd_notify(3)'s datagrams, without its library. Who started us without a manager has no
 * NOTIFY_SOCKET, and nothing here is ever a reason to fail: a service that works and cannot say so still works.
 */
#include "notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define STATE_MAX_BYTES 512

static int open_socket(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') /* the abstract namespace: its names begin with a NUL and end where their length says */
        address.sun_path[0] = '\0';
    auto_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, size) < 0)
        return -1;
    return fd_take(&fd);
}

int notify_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL)
        return -1;
    int fd = open_socket(name);
    if (fd < 0)
        log_warn("NOTIFY_SOCKET cannot be used; whoever started us is not told when we are ready");
    unsetenv("NOTIFY_SOCKET"); /* it was for us */
    return fd;
}

static void tell(int fd, const char *state)
{
    if (fd >= 0 && send(fd, state, strlen(state), MSG_NOSIGNAL) < 0)
        log_warn("the service manager could not be told how we are");
}

/* `what` is whole lines. The status is one line, for people. */
__attribute__((format(printf, 3, 0))) static void tell_status(int fd, const char *what, const char *format,
                                                              va_list arguments)
{
    char status[STATE_MAX_BYTES / 2], state[STATE_MAX_BYTES];
    vsnprintf(status, sizeof status, format, arguments);
    for (char *at = status; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    snprintf(state, sizeof state, "%sSTATUS=%s\n", what, status);
    tell(fd, state);
}

void notify_ready(int fd, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell_status(fd, "READY=1\n", format, arguments);
    va_end(arguments);
}

void notify_reloading(int fd)
{
    char state[STATE_MAX_BYTES];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reading the configuration\n",
             (unsigned long long)clock_monotonic_us());
    tell(fd, state);
}

void notify_stopping(int fd, uint64_t timeout_ms, const char *format, ...)
{
    char what[STATE_MAX_BYTES / 2];
    va_list arguments;
    snprintf(what, sizeof what, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n", (unsigned long long)timeout_ms * 1000);
    va_start(arguments, format);
    tell_status(fd, timeout_ms > 0 ? what : "STOPPING=1\n", format, arguments);
    va_end(arguments);
}
