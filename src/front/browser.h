/*
 * What protects a user whose browser can reach us from pages of others, before anybody is asked who he is: a Host that names
 * us (a page of another name must not reach us by letting its name point here), and no acting request that another site
 * makes. RFC 6454; Fetch Metadata (W3C); Fetch (WHATWG) for what listed origins get.
 */
#pragma once

#include <stdbool.h>

struct public_settings;
struct request;

/*
 * The host of a Host header may be asked for here: each numeric address and "localhost", which no page can make its own, and
 * the listed names. NULL, which only HTTP/1.0 may have, is no browser's.
 */
bool host_is_ours(const struct public_settings *settings, const char *host);

/* A request that acts comes from a page of our own origin, of a listed one, or from no page at all. NULL: no such header. */
bool origin_may_act(const struct public_settings *settings, const char *host, const char *origin,
                    const char *fetch_site);

/*
 * What acts by a session's cookie, which browsers send by themselves: only a page of our own origin, that says so. Neither header
 * is no leave here, and origins that are listed are others' all the same.
 */
bool session_may_act(const char *host, const char *origin, const char *fetch_site);

/* False: it was answered, and is gone. */
bool browser_admits(struct request *request);

/* The same for a route on which each method acts, GET as well. */
bool browser_admits_deed(struct request *request);
