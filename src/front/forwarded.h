/*
 * Where a request came from when proxies stand in between: X-Forwarded-For, of which only those are believed that the
 * configuration lists. Pure functions over untrusted text.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/network.h"
#include "sallyport/limits.h"

struct proxies {
    struct network networks[PROXY_NETWORKS_MAX];
    unsigned count;
};

/* The address, which may have a port, is one of theirs. */
bool forwarded_is_proxy(const struct proxies *proxies, const char *address);

#define FORWARDED_MAX_BYTES 1024 /* of all lines of the header together */

/*
 * `address` begins as the connection's peer ("10.0.0.1:4711", "[::1]:4711", "unix"). As long as it is a proxy of the list, it
 * becomes what that one says, which is the last address that is left of `list`; so it ends as the right-most one that is
 * no such proxy. What stands there and is no address becomes "unknown", which is in no network. `list` is used up.
 */
void forwarded_follow(const struct proxies *proxies, char *list, char address[ADDRESS_MAX_BYTES]);
