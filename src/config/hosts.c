#include "hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "reading.h"
#include "sallyport/base/text.h"

static bool is_numeric(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Labels of letters, digits, '-' and '_' with dots between them, as a Host header has them (RFC 952, RFC 1123 section 2.1). */
static bool is_host_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t label = strspn(host, letters);
    while (label > 0 && label <= 63 && host[0] != '-' && host[label - 1] != '-') {
        if (host[label] == '\0')
            return true;
        if (host[label] != '.')
            return false;
        host += label + 1;
        label = strspn(host, letters);
    }
    return false;
}

/* NULL: it may be listed. */
static const char *judge_host(const char *host)
{
    if (is_numeric(host))
        return "is a numeric address: those are always served, leave it out";
    if (strlen(host) >= HOST_NAME_MAX_BYTES || !is_host_name(host))
        return "is no host name: write lower-case letters, digits, '-' and dots, without a port, such as "
               "jobs.example.org";
    return NULL;
}

/* "https://HOST[:PORT]", as browsers write it (RFC 6454 section 6.2). */
static const char *judge_origin(const char *origin)
{
    static const char why[] =
        "is no origin: write the scheme, the host and a port that is not the scheme's own, without a path, "
        "such as https://dash.example.org";
    char host[HOST_NAME_MAX_BYTES];
    uint64_t port;
    bool is_tls = strncmp(origin, "https://", 8) == 0;
    if (!is_tls && strncmp(origin, "http://", 7) != 0)
        return why;
    const char *from = origin + (is_tls ? 8 : 7);
    size_t size = strcspn(from, ":");
    if (strlen(origin) >= ORIGIN_MAX_BYTES || !text_copy_bytes(host, sizeof host, from, size) ||
        (!is_host_name(host) && !is_numeric(host)))
        return why;
    if (from[size] == ':' && (!text_u64(from + size + 1, UINT16_MAX, &port) || port == (is_tls ? 443 : 80)))
        return why;
    return NULL;
}

/* Into an array of texts, each of `room` bytes. */
static void take(struct reading *reading, const char *key, const json_t *texts, const char *(*judge)(const char *text),
                 char *to, size_t room, uint32_t *count)
{
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = text_item(texts, i), *why = judge(text);
        if (why != NULL)
            fault_below(reading, key, (int)i, "'%.80s' %s", text, why);
        else
            text_copy(to + room * (*count)++, room, text);
    }
}

void hosts_take(struct reading *reading)
{
    const struct server_draft *draft = &reading->server;
    struct config *config = reading->config;
    size_t length = enter_key(reading, "server");
    take(reading, "hosts", draft->hosts, judge_host, config->hosts[0], HOST_NAME_MAX_BYTES, &config->host_count);
    take(reading, "origins", draft->origins, judge_origin, config->origins[0], ORIGIN_MAX_BYTES, &config->origin_count);
    leave(reading, length);
}
