#include "evidence.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "sallyport/base/text.h"

#include "front.h"
#include "request.h"
#include "tls.h"

static unsigned header_count(const struct request *request, const char *name)
{
    unsigned count = 0;
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request->http);
    for (const struct evkeyval *header = headers->tqh_first; header != NULL; header = header->next.tqe_next)
        if (strcasecmp(header->key, name) == 0)
            count++;
    return count;
}

/* A header that is there and is no single well-formed bearer token is no evidence at all, also on a unix socket: who means
 * to be somebody must not be taken for somebody else. */
static void collect_bearer(struct request *request, const char *header)
{
    if (header_count(request, "Authorization") != 1 || strncasecmp(header, "Bearer ", 7) != 0)
        return;
    const char *secret = header + 7 + strspn(header + 7, " ");
    size_t size = strlen(secret);
    if (size == 0 || size > SECRET_MAX_BYTES)
        return;
    request->evidence.kind = EVIDENCE_BEARER;
    request->evidence.secret = (struct span){ (const uint8_t *)secret, (uint32_t)size };
}

static void collect_certificate(struct request *request)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(request->connection);
    size_t size = tls_claims(request->front->settings.tls, bev, request->claims, sizeof request->claims);
    if (size == 0)
        return;
    request->evidence.kind = EVIDENCE_CERTIFICATE;
    request->evidence.secret = (struct span){ (const uint8_t *)request->claims, (uint32_t)size };
}

void evidence_collect(struct request *request)
{
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(request->connection));
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage room;
    } address = { 0 };
    socklen_t size = sizeof address;
    bool is_unix = getsockname(fd, &address.any, &size) == 0 && address.any.sa_family == AF_UNIX;

    struct evidence *evidence = &request->evidence;
    if (is_unix) {
        text_copy(evidence->address, sizeof evidence->address, "unix");
    } else {
        char *host = NULL;
        ev_uint16_t port = 0;
        evhttp_connection_get_peer(request->connection, &host, &port);
        bool is_v6 = host != NULL && strchr(host, ':') != NULL;
        snprintf(evidence->address, sizeof evidence->address, is_v6 ? "[%.50s]:%u" : "%.50s:%u",
                 host != NULL ? host : "", (unsigned)port);
    }
    const char *authorization = request_header(request, "Authorization");
    if (authorization != NULL) {
        collect_bearer(request, authorization);
    } else if (is_unix) {
        evidence->kind = EVIDENCE_PEER;
        request->peer_fd = fd;
    } else if (request->is_tls) {
        collect_certificate(request);
    }
}
