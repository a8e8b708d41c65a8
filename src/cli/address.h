/*
 * Where the server is: from what the user wrote to what libcurl needs. No I/O but a look whether the default socket
 * exists.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/limits.h"

struct error;

#define ADDRESS_DEFAULT_SOCKET "/run/sallyport/api.sock"
#define ADDRESS_DEFAULT_URL    "http://127.0.0.1:8417"

struct address {
    char shown[PATH_MAX_BYTES];  /* as people know it: "unix:/run/sallyport/api.sock", "https://host:8443" */
    char base[PATH_MAX_BYTES];   /* what paths are appended to, without a closing slash */
    char socket[PATH_MAX_BYTES]; /* the unix socket, or "" */
    bool is_loopback;            /* this host itself: no proxy, and a token may travel in the clear */
    bool is_https;
};

/*
 * Judges one URL: http://, https:// or unix:/path. Refused are other schemes, a name or password in it, a query or a
 * fragment.
 */
int address_parse(const char *url, struct address *ret_address, struct error *err);

/* The first of: option, environment (both may be NULL), the default socket if it exists, the default URL. */
int address_find(const char *option, const char *environment, struct address *ret_address, struct error *err);
