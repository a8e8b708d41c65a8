/*
 * The cookie of a session. The prefix __Host- is a promise that browsers hold (RFC 6265bis): it was set by this very host, over
 * TLS, for all paths. Pure functions over untrusted text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/limits.h"

#define SESSION_COOKIE       "__Host-sallyport"
#define SESSION_COOKIE_BYTES 256 /* of a Set-Cookie header */

/* What all Cookie headers of a request have of it; begins as zeros. */
struct session_cookie {
    unsigned count;
    const char
        *value; /* of the last one, if it has the form of one: SESSION_SECRET_BYTES; into the header. Else NULL */
};

/* Takes one header's value; cookies of other names are others' business. */
void session_cookie_take(const char *header, struct session_cookie *cookie);

/* Exactly one, of the right form. Two could be anybody's. */
bool session_cookie_is_sound(const struct session_cookie *cookie);

/* The value of Set-Cookie. secret: "" takes the cookie away. */
void session_cookie_text(const char *secret, uint64_t max_age_s, char text[SESSION_COOKIE_BYTES]);
