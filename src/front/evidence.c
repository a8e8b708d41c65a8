#include "evidence.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "sallyport/base/text.h"

#include "authorization.h"
#include "dialect.h"
#include "forwarded.h"
#include "front.h"
#include "request.h"
#include "session_cookie.h"
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

/* A header that is there and is no single well-formed credential is no evidence at all, also on a unix socket: who means
 * to be somebody must not be taken for somebody else. */
static void collect_token(struct request *request, const char *header)
{
    if (header_count(request, "Authorization") == 1)
        authorization_parse(header, request->basic, &request->evidence);
}

/* All lines of X-Forwarded-For, one behind the other; false when that is more than anybody has to say. */
static bool join_forwarded(const struct request *request, char list[FORWARDED_MAX_BYTES])
{
    size_t used = 0;
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request->http);
    list[0] = '\0';
    for (const struct evkeyval *header = headers->tqh_first; header != NULL; header = header->next.tqe_next) {
        if (strcasecmp(header->key, "X-Forwarded-For") != 0)
            continue;
        int size = snprintf(list + used, FORWARDED_MAX_BYTES - used, "%s,", header->value);
        if (size < 0 || (size_t)size >= FORWARDED_MAX_BYTES - used)
            return false;
        used += (size_t)size;
    }
    return true;
}

static void follow_proxies(struct request *request)
{
    const struct proxies *proxies = &request->front->settings.proxies;
    char list[FORWARDED_MAX_BYTES];
    if (proxies->count == 0)
        return;
    if (!join_forwarded(request, list))
        text_copy(list, sizeof list, "too long");
    forwarded_follow(proxies, list, request->evidence.address);
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

static bool is_proxied_https(const struct request *request, const char *peer)
{
    const char *scheme = request_header(request, "X-Forwarded-Proto");
    return scheme != NULL && header_count(request, "X-Forwarded-Proto") == 1 && strcmp(scheme, "https") == 0 &&
           forwarded_is_proxy(&request->front->settings.proxies, peer);
}

/*
 * False: there is none of our name. Like a header of authorization, one that is there and is not as it should be is no
 * evidence at all, and so is one that came where others read along: whoever has it from there must not use it.
 */
static bool collect_cookie(struct request *request)
{
    struct session_cookie cookie = { 0 };
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request->http);
    for (const struct evkeyval *header = headers->tqh_first; header != NULL; header = header->next.tqe_next)
        if (strcasecmp(header->key, "Cookie") == 0)
            session_cookie_take(header->value, &cookie);
    if (!session_cookie_is_sound(&cookie) || !request->is_private)
        return cookie.count > 0;
    request->evidence.kind = EVIDENCE_SESSION;
    request->evidence.secret = (struct span){ (const uint8_t *)cookie.value, SESSION_SECRET_BYTES };
    return true;
}

/* What the configuration says of a listener is judged when it is read; the socket may be older. */
static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

void evidence_collect(struct request *request, const struct listener *listener)
{
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(request->connection));
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage room;
    } address = { 0 };
    socklen_t size = sizeof address;
    request->is_unix = getsockname(fd, &address.any, &size) == 0 && address.any.sa_family == AF_UNIX;

    struct evidence *evidence = &request->evidence;
    if (request->is_unix) {
        text_copy(evidence->address, sizeof evidence->address, "unix");
        request->is_private = true;
    } else {
        char *host = NULL;
        ev_uint16_t port = 0;
        evhttp_connection_get_peer(request->connection, &host, &port);
        bool is_v6 = host != NULL && strchr(host, ':') != NULL;
        snprintf(evidence->address, sizeof evidence->address, is_v6 ? "[%.50s]:%u" : "%.50s:%u",
                 host != NULL ? host : "", (unsigned)port);
        request->is_private = request->is_tls || is_proxied_https(request, evidence->address);
        follow_proxies(request);
    }
    const char *authorization = request_header(request, "Authorization");
    if (authorization != NULL) {
        collect_token(request, authorization); /* a cookie is sent by itself, this was meant */
    } else if (collect_cookie(request)) {
        return;
    } else if (request->is_unix) {
        evidence->kind = EVIDENCE_PEER;
        request->peer_fd = fd;
    } else if (request->is_tls) {
        collect_certificate(request);
    } else if (listener->is_own && is_loopback(&address.any)) {
        evidence->kind = EVIDENCE_LISTENER;
        evidence->secret =
            (struct span){ (const uint8_t *)listener->dialect->name, (uint32_t)strlen(listener->dialect->name) };
    }
}
