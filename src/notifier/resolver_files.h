/*
 * The text of /etc/resolv.conf and /etc/hosts. Pure functions; what they cannot read they pass over, as the C library does.
 * Source: resolv.conf(5), hosts(5).
 */
#pragma once

#include "sallyport/base/network.h"
#include "sallyport/base/url.h"

#define NAMESERVERS_MAX 3
#define SEARCH_MAX      6

struct resolv_conf {
    char nameservers[NAMESERVERS_MAX][IP_TEXT_BYTES + 8]; /* numeric; "ADDRESS:PORT" and "[IPv6]:PORT" are taken, too */
    unsigned nameserver_count;
    char search[SEARCH_MAX][HOST_MAX_BYTES];
    unsigned search_count;
    unsigned ndots, timeout_s, attempts;
};

/* Without a line "nameserver", that of this host is asked. */
void resolv_conf_parse(struct span text, struct resolv_conf *ret_conf);

/* The addresses that the lines with this name have; how many. */
unsigned hosts_find(struct span text, const char *name, struct ip *ips, unsigned room);
