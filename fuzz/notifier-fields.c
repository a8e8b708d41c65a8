/*
 * Texts that the notifier reads: URLs (whatever ours and libcurl's parser both take, they read the same), networks,
 * Retry-After, heads of answers, and the host's files about names.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/network.h"
#include "sallyport/base/url.h"
#include "sallyport/limits.h"

#include "reply.h"
#include "request.h"
#include "resolver_files.h"
#include "retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const char *text)
{
    static struct url prefix;
    struct url url;
    if (url_parse(text, &url) != NULL)
        return;
    if (!request_url_agrees(&url, text) || !url_is_below(&url, &url))
        abort();
    url_parse("https://example.com/hooks", &prefix);
    if (url_is_below(&url, &prefix) && strncmp(url.path, "/hooks", 6) != 0)
        abort();
}

static void check_network(const char *text)
{
    struct network network, again;
    uint8_t packed[NETWORK_PACKED_BYTES];
    unsigned count;
    if (network_parse(text, &network) != NULL)
        return;
    network_pack(&network, packed);
    if (!network_has(&network, &network.ip) ||
        !networks_unpack((struct span){ packed, sizeof packed }, &again, 1, &count) || count != 1 ||
        memcmp(&network, &again, sizeof network) != 0)
        abort();
}

static void check_reply(const char *data, size_t size)
{
    struct reply reply = { 0 };
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t length = end != NULL ? (size_t)(end - data) + 1 : size;
        if (!reply_take_line(&reply, data, length, 1772359200))
            break;
        data += length;
        size -= length;
    }
    if (reply.status > 999 || reply.retry_after_s > RETRY_AFTER_MAX_S || (reply.is_answered && reply.status < 200))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct span span = { data, (uint32_t)size };
    struct resolv_conf conf;
    struct ip ips[4];
    uint32_t seconds;
    check_url(text);
    check_network(text);
    check_reply((const char *)data, size);
    if (retry_after_parse(text, 1772359200, &seconds) && seconds > RETRY_AFTER_MAX_S)
        abort();
    resolv_conf_parse(span, &conf);
    if (conf.nameserver_count == 0 || conf.nameserver_count > NAMESERVERS_MAX || conf.search_count > SEARCH_MAX)
        abort();
    if (hosts_find(span, "localhost", ips, 4) > 4)
        abort();
    free(text);
    return 0;
}
