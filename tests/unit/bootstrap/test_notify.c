#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

/* A manager that listens under a name as NOTIFY_SOCKET has it: "@name" is of the abstract namespace. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    cr_assert_eq(
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect_heard(int manager, const char *expected)
{
    char text[1024] = "";
    ssize_t size = recv(manager, text, sizeof text - 1, 0);
    cr_assert_gt(size, 0);
    cr_expect_str_eq(text, expected);
}

static const char *abstract_name(char name[64])
{
    snprintf(name, 64, "@sallyport-test-notify-%d", (int)getpid());
    return name;
}

Test(notify, says_what_systemd_wants_to_hear_in_one_datagram_each)
{
    char name[64];
    int manager = listen_at(abstract_name(name));
    int fd = notify_open();
    cr_assert_geq(fd, 0);
    notify_ready(fd, "Serving %u commands", 7);
    expect_heard(manager, "READY=1\nSTATUS=Serving 7 commands\n");
    notify_stopping(fd, 40000, "Stopping");
    expect_heard(manager, "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000\nSTATUS=Stopping\n");
    notify_stopping(fd, 0, "Cannot start");
    expect_heard(manager, "STOPPING=1\nSTATUS=Cannot start\n");
}

Test(notify, says_when_a_reload_began)
{
    char name[64], text[256] = "";
    int manager = listen_at(abstract_name(name));
    int fd = notify_open();
    notify_reloading(fd);
    cr_assert_gt(recv(manager, text, sizeof text - 1, 0), 0);
    unsigned long long since_us = 0;
    cr_assert_eq(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=", &since_us), 1, "%s", text);
    cr_expect_gt(since_us, 0);
}

Test(notify, finds_a_socket_with_a_path)
{
    char name[64];
    snprintf(name, sizeof name, "/tmp/sallyport-test-notify-%d", (int)getpid());
    int manager = listen_at(name);
    int fd = notify_open();
    unlink(name);
    notify_ready(fd, "Serving");
    expect_heard(manager, "READY=1\nSTATUS=Serving\n");
}

Test(notify, keeps_the_status_to_one_line)
{
    char name[64];
    int manager = listen_at(abstract_name(name));
    int fd = notify_open();
    notify_ready(fd, "%s", "one\nREADY=0\nMAINPID=1");
    expect_heard(manager, "READY=1\nSTATUS=one READY=0 MAINPID=1\n");
}

Test(notify, takes_the_variable_away_from_whoever_comes_later)
{
    char name[64];
    listen_at(abstract_name(name));
    notify_open();
    cr_expect_null(getenv("NOTIFY_SOCKET"));
}

Test(notify, does_nothing_and_fails_at_nothing_where_nobody_listens)
{
    static const char *const names[] = {
        "", "/", "@", "relative", "/nowhere/at/all", "@sallyport-test-nobody", "vsock:2:1234"
    };
    unsetenv("NOTIFY_SOCKET");
    cr_expect_eq(notify_open(), -1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        cr_expect_eq(notify_open(), -1, "%s", names[i]);
    }
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    cr_expect_eq(notify_open(), -1);
    notify_ready(-1, "Serving");
    notify_reloading(-1);
    notify_stopping(-1, 1, "Stopping");
}

Test(notify, goes_on_when_the_manager_has_gone)
{
    char name[64];
    int manager = listen_at(abstract_name(name));
    int fd = notify_open();
    close(manager);
    notify_ready(fd, "Serving");
    notify_ready(fd, "Serving");
}
