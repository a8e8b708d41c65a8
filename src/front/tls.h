/*
 * TLS of the front's own: what new connections get, made of the settings, and the few things that a connection needs beside what
 * its bufferevent does. libevent_openssl and libssl are known here alone.
 *
 * TLS 1.3, and 1.2 with forward secrecy and authenticated encryption; http/1.1 by ALPN. No compression, no renegotiation, and no
 * session is resumed: a ticket's key would open what was recorded, and a full handshake costs well below a millisecond.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/proto/settings.h"

struct bufferevent;
struct error;
struct event_base;
struct tls;

/*
 * Reads certificate and key. The first time it also loads what OpenSSL reads from files and devices, so it must come before the
 * process gives those up. Connections hold what they began with: one may be freed while there are some.
 */
int tls_new(const struct setting_tls *setting, struct tls **ret_tls, struct error *err);
void tls_free(struct tls *tls);

/* The value of Strict-Transport-Security, or NULL when nothing is to be said. tls may be NULL. */
const char *tls_hsts(const struct tls *tls);

/* For a connection that is about to be accepted. NULL when memory is short. */
struct bufferevent *tls_accept(const struct tls *tls, struct event_base *base);

/* Whether the connection has TLS; all below does nothing for one without. */
bool tls_is_on(struct bufferevent *bev);

/*
 * What the client's certificate says of it (certificate_claims), or 0. Judged anew each time, by what is configured now: a
 * certificate that has expired since the handshake, or whose authority is not listed any more, says nothing. tls may be NULL.
 */
size_t tls_claims(const struct tls *tls, struct bufferevent *bev, char *ret_text, size_t room);

/*
 * Writes at once, past the bufferevent, whose output must be empty. 0, or -errno: the connection cannot be used any more, for
 * a part of it may be out.
 */
int tls_write_now(struct bufferevent *bev, const char *data, size_t size);

/*
 * Tells the client that nothing comes any more, so that it can tell an end from a cut. Not after an answer that was broken off.
 * What a client without TLS still had to say is read and thrown away, or it would hear a reset.
 */
void tls_end(struct bufferevent *bev);
