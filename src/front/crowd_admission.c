#include "crowd_admission.h"

#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/http.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/log.h"

#include "crowd.h"
#include "forwarded.h"
#include "front.h"

#define TELL_MS 10000

bool crowd_admits(struct front *front, struct evhttp_connection *connection, struct crowd_member *member)
{
    struct sockaddr_storage peer = { 0 };
    socklen_t size = sizeof peer;
    unsigned most = front->settings.address_connections_max;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
        return false; /* it left already */
    char *host = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(connection, &host, &port);
    if (host != NULL && forwarded_is_proxy(&front->settings.proxies, host))
        return true; /* many clients stand behind it */
    if (crowd_enter(&front->crowd, member, (struct sockaddr *)&peer, most))
        return true;
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms - front->crowd_told_ms >= TELL_MS) {
        front->crowd_told_ms = now_ms;
        log_warn(
            "address=%s has %u connections already, as many as server.connections_per_address allows; more are closed",
            host != NULL ? host : "", most);
    }
    return false;
}
