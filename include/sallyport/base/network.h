/*
 * Addresses, networks, and whether something of ours may connect there. Pure functions; nothing is looked up or opened.
 *
 * Used by the configuration (what `allow_net` says), and by the notifier, which judges with it every address that it is
 * about to connect to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/record.h"

struct sockaddr;

/* Sixteen bytes, network order. IPv4 is ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that both spellings are the same. */
struct ip {
    uint8_t bytes[16];
};

struct network {
    struct ip ip; /* the bits behind the prefix are 0 */
    uint8_t bits; /* of the prefix; 96 more than written for IPv4 */
};

#define IP_TEXT_BYTES 46

/* Numeric and in full: "10.0.0.1", "2001:db8::1"; no zone, no short or octal forms. */
bool ip_parse(const char *text, struct ip *ret_ip);

/* An address with or without its port: "10.0.0.1:80", "[::1]:80", "[::1]", or as for ip_parse(). */
bool ip_of_address(const char *text, struct ip *ret_ip);

/* False for anything but AF_INET and AF_INET6. */
bool ip_of_sockaddr(const struct sockaddr *address, struct ip *ret_ip);

struct ip ip_of_v4(const uint8_t v4[4]); /* as it stands on the wire */
bool ip_is_v4(const struct ip *ip);
const char *ip_text(const struct ip *ip, char text[IP_TEXT_BYTES]);

/*
 * Whether the address is one of the public Internet. Not public: this host, private and shared networks, link-local,
 * multicast, documentation, benchmarks, everything reserved, and IPv6 forms that carry such an IPv4 address (mapped,
 * NAT64, 6to4). Source: IANA's registries of special-purpose addresses (RFC 6890), RFC 6052, RFC 3056.
 */
bool ip_is_public(const struct ip *ip);

/* "10.0.0.0/8", "fd00::/8", or a single address. Returns what is wrong with it, for people, or NULL. */
const char *network_parse(const char *text, struct network *ret_network);

/* An IPv4 address is in IPv4 networks alone: ::/0 does not mean it. */
bool network_has(const struct network *network, const struct ip *ip);

/*
 * Whether to connect there: the address is in one of the networks, or is public when there are none. "This host" without
 * a number (0.0.0.0 and ::), which the kernel takes for loopback, never is.
 */
bool networks_allow(const struct network *networks, unsigned count, const struct ip *ip);

/* A list of networks in a bytes field: for each its address and its bits. */
#define NETWORK_PACKED_BYTES 17
void network_pack(const struct network *network, uint8_t to[NETWORK_PACKED_BYTES]);

/* False for what network_pack() does not write, or more than `most`. */
bool networks_unpack(struct span packed, struct network *networks, unsigned most, unsigned *ret_count);
