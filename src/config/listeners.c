#include "listeners.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "paths.h"
#include "reading.h"
#include "tls.h"
#include "sallyport/base/text.h"

/* Returns what is wrong, or NULL. */
static const char *read_unix(const char *path, struct config_listener *listener)
{
    listener->is_unix = true;
    const char *why = path_fault(path);
    if (why != NULL)
        return why;
    if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return "is too long for a socket: at most 107 bytes";
    text_copy(listener->path, sizeof listener->path, path);
    return NULL;
}

static bool is_numeric(int family, const char *host)
{
    uint8_t address[16];
    return inet_pton(family, host, address) == 1;
}

static const char *read_tcp(const char *text, struct config_listener *listener)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL)
        return "has no port; write ADDRESS:PORT such as \"127.0.0.1:8417\", or unix:/PATH";
    if (!text_u64(colon + 1, UINT16_MAX, &port) || port == 0)
        return "must end in a port between 1 and 65535, such as \"127.0.0.1:8417\"";
    bool is_bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
    size_t length = (size_t)(colon - text) - 2 * is_bracketed;
    if (!text_copy_bytes(listener->host, sizeof listener->host, text + is_bracketed, length))
        return "has no numeric address";
    listener->port = (uint16_t)port;
    if (length == 0)
        return "has no address; write 127.0.0.1 for this host alone, or 0.0.0.0 for all of its IPv4 addresses";
    if (strcmp(listener->host, "localhost") == 0)
        return "is a name, which nobody looks up; write 127.0.0.1 (or [::1]) for localhost";
    if (!is_bracketed && is_numeric(AF_INET6, listener->host))
        return "must have its IPv6 address in brackets, and quotes around all: \"[::1]:8417\"";
    if (!is_numeric(is_bracketed ? AF_INET6 : AF_INET, listener->host))
        return "must be a numeric address and a port; names are not looked up";
    return NULL;
}

static bool is_same(const struct config_listener *left, const struct config_listener *right)
{
    if (left->is_unix || right->is_unix)
        return strcmp(left->address, right->address) == 0;
    return left->port == right->port && strcmp(left->host, right->host) == 0;
}

static bool is_repeated(const struct config *config, const struct config_listener *listener)
{
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (is_same(&config->listeners[i], listener))
            return true;
    return false;
}

static const char *read_listener(const struct reading *reading, const char *text, struct config_listener *listener)
{
    const struct config *config = reading->config;
    if (!text_copy(listener->address, sizeof listener->address, text))
        return "is too long";
    bool is_plain = strncmp(text, "plain:", 6) == 0;
    const char *why =
        strncmp(text, "unix:", 5) == 0 ? read_unix(text + 5, listener) : read_tcp(is_plain ? text + 6 : text, listener);
    listener->is_tls = !listener->is_unix && !is_plain && tls_is_written(reading);
    if (why == NULL && is_repeated(config, listener))
        why = "is listed already";
    return why;
}

static void take_listed(struct reading *reading)
{
    struct config *config = reading->config;
    const json_t *listen = reading->server.listen;
    bool is_list = json_is_array(json_object_get(json_object_get(reading->tree->root, "server"), "listen"));
    for (size_t i = 0; i < json_array_size(listen); i++) {
        struct config_listener listener = { 0 };
        const char *text = text_item(listen, i);
        if (text[0] == '\0')
            continue;
        const char *why = read_listener(reading, text, &listener);
        if (why != NULL)
            fault_below(reading, "listen", is_list ? (int)i : -1, "'%.80s' %s", text, why);
        else
            config->listeners[config->listener_count++] = listener;
    }
}

bool listener_is_loopback(const struct config_listener *listener)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (listener->is_unix)
        return false;
    if (inet_pton(AF_INET, listener->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, listener->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* No token is asked for there, so nobody but this host may come. */
static void take_that_of_metrics(struct reading *reading)
{
    struct config *config = reading->config;
    const char *text = reading->server.metrics_listen;
    struct config_listener listener = { .is_for_metrics = true };
    if (text == NULL)
        return;
    const char *why = read_listener(reading, text, &listener);
    listener.is_tls = false;
    if (why == NULL && !listener_is_loopback(&listener))
        why = "is no loopback address, and no token is asked for there; write one such as \"127.0.0.1:9464\"";
    size_t length = enter_key(reading, "metrics");
    if (why != NULL)
        fault_below(reading, "listen", -1, "'%.80s' %s", text, why);
    else
        config->listeners[config->listener_count++] = listener;
    leave(reading, length);
}

/* Where clients of one predecessor are served, and nobody else. */
static void take_those_of_predecessors(struct reading *reading)
{
    struct config *config = reading->config;
    for (uint32_t i = 0; i < config->predecessor_count; i++) {
        const struct config_predecessor *predecessor = &config->predecessors[i];
        struct config_listener listener = { .predecessor = predecessor->setting.which };
        if (predecessor->listen[0] == '\0')
            continue;
        const char *why = read_listener(reading, predecessor->listen, &listener);
        size_t length = enter_key(reading, "predecessors");
        enter_key(reading, predecessor_name(predecessor->setting.which));
        if (why != NULL)
            fault_below(reading, "listen", -1, "'%.80s' %s", predecessor->listen, why);
        else
            config->listeners[config->listener_count++] = listener;
        leave(reading, length);
    }
}

static bool is_any_tls(const struct config *config)
{
    bool is_any = false;
    for (uint32_t i = 0; i < config->listener_count; i++)
        is_any |= config->listeners[i].is_tls;
    return is_any;
}

void listeners_take(struct reading *reading)
{
    size_t length = enter_key(reading, "server");
    take_listed(reading);
    take_that_of_metrics(reading);
    leave(reading, length);
    take_those_of_predecessors(reading);
    enter_key(reading, "server");
    if (reading->config->tls != NULL && !is_any_tls(reading->config))
        warning_below(reading, "tls", -1, "is of no use: all of 'server.listen' is unix sockets or 'plain:'");
    leave(reading, length);
}
