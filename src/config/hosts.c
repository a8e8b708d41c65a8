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

static void take_hosts(struct reading *reading)
{
    struct config *config = reading->config;
    for (size_t i = 0; i < json_array_size(reading->server.hosts); i++) {
        const char *text = text_item(reading->server.hosts, i), *why = judge_host(text);
        if (why != NULL)
            fault_below(reading, "hosts", (int)i, "'%.80s' %s", text, why);
        else
            text_copy(config->hosts[config->host_count++], HOST_NAME_MAX_BYTES, text);
    }
}

static void take_origins(struct reading *reading)
{
    struct config *config = reading->config;
    for (size_t i = 0; i < json_array_size(reading->server.origins); i++) {
        const char *text = text_item(reading->server.origins, i), *why = judge_origin(text);
        if (why != NULL)
            fault_below(reading, "origins", (int)i, "'%.80s' %s", text, why);
        else
            text_copy(config->origins[config->origin_count++], ORIGIN_MAX_BYTES, text);
    }
}

void hosts_take(struct reading *reading)
{
    size_t length = enter_key(reading, "server");
    take_hosts(reading);
    take_origins(reading);
    leave(reading, length);
}
