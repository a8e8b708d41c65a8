/*
 * URLs that callbacks go to, in the one form that is taken: "https://HOST[:PORT][/PATH][?QUERY]" in plain ASCII. What two
 * parsers could read differently (user names, backslashes, unusual numbers as hosts, steps "..", escapes of "/") is
 * refused, so that the configuration, the keeper and libcurl mean the same place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"

#define HOST_MAX_BYTES 256

struct url {
    bool is_plain;             /* http, not https */
    bool is_numeric;           /* the host is an address */
    char host[HOST_MAX_BYTES]; /* in lower case, without the brackets of IPv6 */
    uint16_t port;             /* also when it was left out */
    const char *path;          /* within the text that was parsed: path and query; "" when there is neither */
};

/* Returns what is wrong with it, for people, or NULL. */
const char *url_parse(const char *text, struct url *ret_url);

/*
 * The one spelling of what was parsed: the host in lower case, no port that the scheme implies, "/" where there is no path.
 * False when it does not fit.
 */
bool url_write(const struct url *url, char ret_text[URL_MAX_BYTES]);

/*
 * Whether `url` lies below `prefix`: the same scheme, host and port, and the path is that of the prefix or goes on behind
 * it, at a "/" or a "?". The prefix has no query.
 */
bool url_is_below(const struct url *url, const struct url *prefix);
