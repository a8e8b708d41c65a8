#include "browser.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include <event2/http.h>

#include "sallyport/base/text.h"

#include "front.h"
#include "problem.h"
#include "request.h"

/* A Host header without its port; the brackets of an IPv6 address go too. */
static bool split_host(const char *header, char *host, size_t room, bool *ret_is_v6)
{
    *ret_is_v6 = header[0] == '[';
    const char *from = header + *ret_is_v6;
    size_t size = strcspn(from, *ret_is_v6 ? "]" : ":");
    if (!text_copy_bytes(host, room, from, size) || (*ret_is_v6 && from[size] != ']'))
        return false;
    const char *port = from + size + *ret_is_v6;
    uint64_t number;
    return port[0] == '\0' || (port[0] == ':' && text_u64(port + 1, UINT16_MAX, &number));
}

bool host_is_ours(const struct public_settings *settings, const char *header)
{
    char host[HOST_NAME_MAX_BYTES];
    struct in6_addr address;
    bool is_v6;
    if (header == NULL)
        return true;
    if (!split_host(header, host, sizeof host, &is_v6))
        return false;
    if (is_v6)
        return inet_pton(AF_INET6, host, &address) == 1;
    if (inet_pton(AF_INET, host, &address) == 1 || strcasecmp(host, "localhost") == 0)
        return true;
    for (uint32_t i = 0; i < settings->host_count; i++)
        if (strcasecmp(settings->hosts[i], host) == 0)
            return true;
    return false;
}

static bool origin_is_listed(const struct public_settings *settings, const char *origin)
{
    for (uint32_t i = 0; i < settings->origin_count; i++)
        if (strcmp(settings->origins[i], origin) == 0)
            return true;
    return false;
}

/* The scheme is not ours to know behind a proxy; who can answer for this very host and port is us. */
static bool origin_is_own(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");
    return authority != NULL && host != NULL && strcasecmp(authority + 3, host) == 0;
}

bool origin_may_act(const struct public_settings *settings, const char *host, const char *origin,
                    const char *fetch_site)
{
    if (origin != NULL && origin_is_listed(settings, origin))
        return true;
    if (fetch_site != NULL && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
        return false;
    return origin == NULL || origin_is_own(origin, host);
}

bool session_may_act(const char *host, const char *origin, const char *fetch_site)
{
    if (fetch_site != NULL && strcmp(fetch_site, "same-origin") != 0)
        return false;
    if (origin != NULL)
        return strncmp(origin, "https://", strlen("https://")) == 0 && origin_is_own(origin, host);
    return fetch_site != NULL;
}

static bool acts(const struct request *request)
{
    static const unsigned reading = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE;
    return (evhttp_request_get_command(request->http) & reading) == 0;
}

static bool refuse(struct request *request, const char *code, const char *detail)
{
    struct problem problem;
    problem_init(&problem, code, "%s", detail);
    request_problem(request, &problem);
    return false;
}

bool browser_admits_deed(struct request *request)
{
    const char *host = request_header(request, "Host"), *origin = request_header(request, "Origin");
    const char *fetch_site = request_header(request, "Sec-Fetch-Site");
    if (!origin_may_act(&request->front->settings, host, origin, fetch_site))
        return refuse(request, "cross-site",
                      "A page of another site may not do this: its origin is not in server.origins.");
    if (request->evidence.kind == EVIDENCE_LISTENER && origin != NULL && !origin_is_own(origin, host))
        return refuse(request, "cross-site",
                      "Nobody shows a token here, so that a page of another origin, listed or not, may do nothing.");
    if (request->evidence.kind == EVIDENCE_SESSION && !session_may_act(host, origin, fetch_site))
        return refuse(request, "cross-site",
                      "What a session's cookie allows, a page of this very origin may do, whose browser says so in "
                      "Origin or Sec-Fetch-Site. Others use a token.");
    return true;
}

/* What a listed origin's page may know, and what it may ask with. */
static void add_leave_of_origin(struct request *request, const char *origin)
{
    request_add_header(request, "Access-Control-Allow-Origin", origin);
    request_add_header(request, "Access-Control-Expose-Headers",
                       "ETag, Idempotency-Replayed, Link, Location, Retry-After, X-Request-Id");
    request_add_header(request, "Vary", "Origin");
}

static bool answer_preflight(struct request *request)
{
    request_add_header(request, "Access-Control-Allow-Methods", "GET, POST");
    request_add_header(request, "Access-Control-Allow-Headers",
                       "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, "
                       "Prefer, Range, X-Request-Id");
    request_add_header(request, "Access-Control-Max-Age", "600");
    request_reply_empty(request, 204);
    return false;
}

bool browser_admits(struct request *request)
{
    const struct public_settings *settings = &request->front->settings;
    const char *origin = request_header(request, "Origin");
    if (!request->is_unix && !host_is_ours(settings, request_header(request, "Host")))
        return refuse(request, "misdirected", "The Host header names a host that is not in server.hosts.");
    if (request_header(request, "Service-Worker") != NULL)
        return refuse(request, "cross-site", "Nothing here is a script for a service worker.");
    if (acts(request) && !browser_admits_deed(request))
        return false;
    if (origin == NULL || !origin_is_listed(settings, origin) || request->evidence.kind == EVIDENCE_LISTENER)
        return true;
    add_leave_of_origin(request, origin);
    bool is_preflight = evhttp_request_get_command(request->http) == EVHTTP_REQ_OPTIONS &&
                        request_header(request, "Access-Control-Request-Method") != NULL;
    return !is_preflight || answer_preflight(request);
}
