#include "sallyport/base/network.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "sallyport/base/text.h"

#define V4_AT    12 /* where an IPv4 address stands */
#define V4_BITS  96
#define ALL_BITS 128

static const uint8_t v4_prefix[V4_AT] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct ip ip_of_v4(const uint8_t v4[4])
{
    struct ip ip;
    memcpy(ip.bytes, v4_prefix, V4_AT);
    memcpy(ip.bytes + V4_AT, v4, 4);
    return ip;
}

bool ip_parse(const char *text, struct ip *ret_ip)
{
    uint8_t v4[4];
    if (inet_pton(AF_INET, text, v4) == 1) {
        *ret_ip = ip_of_v4(v4);
        return true;
    }
    return inet_pton(AF_INET6, text, ret_ip->bytes) == 1;
}

bool ip_of_address(const char *text, struct ip *ret_ip)
{
    char host[IP_TEXT_BYTES];
    const char *colon = strchr(text, ':'), *end = text[0] == '[' ? strchr(text, ']') : NULL, *from = text;
    if (end != NULL) {
        from = text + 1;
        colon = end + 1;
    } else if (colon == NULL || strchr(colon + 1, ':') != NULL) {
        return ip_parse(text, ret_ip); /* alone: more colons are an IPv6 address */
    } else {
        end = colon;
    }
    uint64_t port;
    bool is_address = *colon == '\0' || (*colon == ':' && text_u64(colon + 1, UINT16_MAX, &port));
    return is_address && text_copy_bytes(host, sizeof host, from, (size_t)(end - from)) && ip_parse(host, ret_ip) &&
           (text[0] == '[') == (strchr(host, ':') != NULL);
}

bool ip_of_sockaddr(const struct sockaddr *address, struct ip *ret_ip)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        *ret_ip = ip_of_v4((const uint8_t *)&v4.sin_addr);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    memcpy(ret_ip->bytes, &v6.sin6_addr, sizeof ret_ip->bytes);
    return true;
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->bytes, v4_prefix, V4_AT) == 0;
}

const char *ip_text(const struct ip *ip, char text[IP_TEXT_BYTES])
{
    bool is_v4 = ip_is_v4(ip);
    return inet_ntop(is_v4 ? AF_INET : AF_INET6, ip->bytes + (is_v4 ? V4_AT : 0), text, IP_TEXT_BYTES);
}

static bool bit_at(const struct ip *ip, unsigned bit)
{
    return (ip->bytes[bit / 8] & 0x80 >> bit % 8) != 0;
}

static bool is_whole(const struct network *network)
{
    for (unsigned bit = network->bits; bit < ALL_BITS; bit++)
        if (bit_at(&network->ip, bit))
            return false;
    return true;
}

const char *network_parse(const char *text, struct network *ret_network)
{
    const char *slash = strchr(text, '/');
    char address[IP_TEXT_BYTES];
    uint64_t bits = ALL_BITS;
    if (!text_copy_bytes(address, sizeof address, text, slash != NULL ? (size_t)(slash - text) : strlen(text)) ||
        !ip_parse(address, &ret_network->ip))
        return "is no network; write an address and the bits of its prefix, such as 10.0.0.0/8 or fd00::/8";
    bool is_v4 = strchr(address, ':') == NULL;
    if (!is_v4 && ip_is_v4(&ret_network->ip))
        return "is an IPv4 network in IPv6 spelling; write it as IPv4";
    if (slash != NULL && !text_u64(slash + 1, is_v4 ? ALL_BITS - V4_BITS : ALL_BITS, &bits))
        return "has no prefix of the right length: 0 to 32 bits for IPv4, 0 to 128 for IPv6";
    ret_network->bits = (uint8_t)(slash != NULL && is_v4 ? bits + V4_BITS : bits);
    return is_whole(ret_network) ? NULL : "has bits behind its prefix; write them as 0, such as 10.0.0.0/8";
}

bool network_has(const struct network *network, const struct ip *ip)
{
    bool is_v4 = network->bits >= V4_BITS && ip_is_v4(&network->ip);
    if (is_v4 != ip_is_v4(ip))
        return false;
    for (unsigned bit = 0; bit < network->bits; bit++)
        if (bit_at(&network->ip, bit) != bit_at(ip, bit))
            return false;
    return true;
}

static bool is_in(const char *text, const struct ip *ip)
{
    struct network network;
    const char *why = network_parse(text, &network);
    assert(why == NULL);
    return network_has(&network, ip);
}

static bool is_in_any(const char *const list[], const struct ip *ip)
{
    for (; *list != NULL; list++)
        if (is_in(*list, ip))
            return true;
    return false;
}

static bool is_public_v4(const struct ip *ip)
{
    static const char *const special[] = {
        "0.0.0.0/8",       /* this host, this network */
        "10.0.0.0/8",      /* private */
        "100.64.0.0/10",   /* shared by a provider's customers */
        "127.0.0.0/8",     /* loopback */
        "169.254.0.0/16",  /* link-local: metadata of clouds */
        "172.16.0.0/12",   /* private */
        "192.0.0.0/24",    /* protocol assignments */
        "192.0.2.0/24",    /* documentation */
        "192.88.99.0/24",  /* relays of 6to4 */
        "192.168.0.0/16",  /* private */
        "198.18.0.0/15",   /* benchmarks */
        "198.51.100.0/24", /* documentation */
        "203.0.113.0/24",  /* documentation */
        "224.0.0.0/4",     /* multicast */
        "240.0.0.0/4",     /* reserved; broadcast */
        NULL,
    };
    return !is_in_any(special, ip);
}

bool ip_is_public(const struct ip *ip)
{
    /* Only 2000::/3 is given out: loopback, fc00::/7, fe80::/10, ff00::/8 and all that is reserved lie outside. */
    static const char *const special[] = {
        "2001::/23",     /* protocol assignments; Teredo, which carries IPv4 */
        "2001:db8::/32", /* documentation */
        "3fff::/20",     /* documentation */
        NULL,
    };
    struct ip carried;
    if (ip_is_v4(ip))
        return is_public_v4(ip);
    if (is_in("64:ff9b::/96", ip)) { /* NAT64 */
        carried = ip_of_v4(ip->bytes + 12);
        return is_public_v4(&carried);
    }
    if (is_in("2002::/16", ip)) { /* 6to4 */
        carried = ip_of_v4(ip->bytes + 2);
        return is_public_v4(&carried);
    }
    return is_in("2000::/3", ip) && !is_in_any(special, ip);
}

bool networks_allow(const struct network *networks, unsigned count, const struct ip *ip)
{
    static const char *const nowhere[] = { "0.0.0.0", "::", NULL };
    if (is_in_any(nowhere, ip))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (network_has(&networks[i], ip))
            return true;
    return count == 0 && ip_is_public(ip);
}

void network_pack(const struct network *network, uint8_t to[NETWORK_PACKED_BYTES])
{
    memcpy(to, network->ip.bytes, sizeof network->ip.bytes);
    to[NETWORK_PACKED_BYTES - 1] = network->bits;
}

bool networks_unpack(struct span packed, struct network *networks, unsigned most, unsigned *ret_count)
{
    unsigned count = packed.size / NETWORK_PACKED_BYTES;
    if (packed.size % NETWORK_PACKED_BYTES != 0 || count > most)
        return false;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *from = packed.data + (size_t)i * NETWORK_PACKED_BYTES;
        memcpy(networks[i].ip.bytes, from, sizeof networks[i].ip.bytes);
        networks[i].bits = from[NETWORK_PACKED_BYTES - 1];
        if (networks[i].bits > ALL_BITS || !is_whole(&networks[i]))
            return false;
    }
    *ret_count = count;
    return true;
}
