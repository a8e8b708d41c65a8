/*
 * The network, and sockets that are files or names.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int vsock(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return blocked(errno, "AF_VSOCK is not there or refused");
    return judge(fd, "a socket to the hypervisor");
}

static int open_family(void *argument)
{
    int family = *(int *)argument;
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (socket(family, types[i], 0) >= 0)
            return WORKED;
    return BLOCKED;
}

static int families(int argc, char **argv)
{
    char opened[400] = "";
    for (int family = 0; family <= 46; family++) {
        bool is_expected = false;
        for (int i = 0; i < argc; i++)
            is_expected |= number(argv[i]) == family;
        if (is_expected || in_child(open_family, &family) != WORKED)
            continue;
        add_text(opened, sizeof opened, " %d", family);
    }
    if (opened[0] != 0)
        return worked("families that opened:%s", opened);
    return blocked(EAFNOSUPPORT, "no other family opened");
}

static int say_to(int family, const struct sockaddr *address, socklen_t length, const char *text)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return blocked(errno, "make a socket");
    if (connect(fd, address, length) < 0)
        return blocked(errno, "connect");
    return judge(send(fd, text, strlen(text), MSG_NOSIGNAL), "say something to a host's socket");
}

static int abstract_socket(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(argv[0]);
    if (length >= sizeof address.sun_path - 1)
        return broken("the name is too long");
    memcpy(address.sun_path + 1, argv[0], length);
    return say_to(AF_UNIX, (struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length), argv[1]);
}

static int path_socket(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[0]);
    return say_to(AF_UNIX, (struct sockaddr *)&address, sizeof address, argv[1]);
}

static struct sockaddr_in tcp_address(const char *host, const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(port)) };
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static int tcp_connect(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_in address = tcp_address(argv[0], argv[1]);
    return say_to(AF_INET, (struct sockaddr *)&address, sizeof address, argv[2]);
}

static int tcp_bind(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_in address = tcp_address("127.0.0.1", argv[0]);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return blocked(errno, "make a socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
        return blocked(errno, "bind to port %s", argv[0]);
    printf("listening\n");
    fflush(stdout);
    struct pollfd call = { .fd = fd, .events = POLLIN };
    if (poll(&call, 1, 3000) == 0)
        return blocked(ETIMEDOUT, "nobody called here in three seconds");
    int peer = accept(fd, NULL, NULL);
    return judge(peer, "answer in a service's place");
}

static int network_setting(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return blocked(errno, "open ip_forward for writing");
    return judge(write(fd, "1", 1), "change a setting of the network");
}

const struct attack socket_attacks[] = {
    { "S53a", "vsock", vsock, 0, ": a socket of AF_VSOCK" },
    { "S53b", "socket-families", families, 1, "FAMILY...: every other family in every type" },
    { "S72", "abstract-socket", abstract_socket, 2, "NAME TEXT: says TEXT to a host's abstract socket" },
    { "S111", "loopback", tcp_connect, 3, "HOST PORT TEXT: says TEXT to a host's TCP service" },
    { "S113", "bind", tcp_bind, 1, "PORT: answers on the host's port" },
    { "S114", "path-socket", path_socket, 2, "PATH TEXT: says TEXT to a host's socket" },
    { "S116", "network-setting", network_setting, 0, ": writes to /proc/sys/net" },
    { 0 },
};
