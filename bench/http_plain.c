/*
 * evhttp with a constant reply, for bench/http: on one port as the library comes, on the other behind the guard, so that what
 * the guard costs is the difference of the two. Both have the idle limit that the front gives evhttp, for a loop that waits for
 * a time costs more than one that does not, whoever set the time. http_plain PORT GUARDED_PORT, until it is killed.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "front.h"
#include "guard.h"
#include "request.h"

#define IDLE_MAX_S 60

static struct front front;

static struct bufferevent *on_accepted(struct event_base *base, void *arg)
{
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    (void)arg;
    if (bev == NULL || guard_new(&front, NULL, bev) < 0)
        abort();
    return bev;
}

static void reply(struct evhttp_request *http)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, "ok\n", 3);
    evhttp_add_header(evhttp_request_get_output_headers(http), "Content-Type", "text/plain");
    evhttp_send_reply(http, 200, NULL, body);
    evbuffer_free(body);
}

static void on_plain(struct evhttp_request *http, void *arg)
{
    (void)arg;
    reply(http);
}

static void on_guarded(struct evhttp_request *http, void *arg)
{
    static struct request request; /* a large one, of which evhttp alone has none */
    request.front = &front;
    request.http = http;
    request.connection = evhttp_request_get_connection(http);
    (void)arg;
    struct guard *guard = guard_attach(&request);
    if (guard == NULL)
        abort();
    guard_detach(guard);
    reply(http);
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) {
        perror("http_plain: listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: http_plain PORT GUARDED_PORT\n", stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    front.base = event_base_new();
    front.settings.address_connections_max = UINT32_MAX;
    struct evhttp *plain = evhttp_new(front.base), *guarded = evhttp_new(front.base);
    if (crowd_init(&front.crowd) < 0)
        return 1;
    evhttp_set_timeout(plain, IDLE_MAX_S);
    evhttp_set_timeout(guarded, IDLE_MAX_S);
    evhttp_set_gencb(plain, on_plain, NULL);
    evhttp_set_gencb(guarded, on_guarded, NULL);
    evhttp_set_bevcb(guarded, on_accepted, NULL);
    if (evhttp_accept_socket(plain, listen_on(argv[1])) < 0 || evhttp_accept_socket(guarded, listen_on(argv[2])) < 0)
        return 1;
    event_base_dispatch(front.base);
    return 0;
}
