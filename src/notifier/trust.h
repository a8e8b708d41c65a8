/*
 * Whose certificates are believed: the host's own list of authorities, read once and shared by all connections. The one
 * file that speaks to OpenSSL.
 *
 * libcurl can be given the list as bytes (CURLOPT_CAINFO_BLOB), but parses them for each connection: 40 ms of processor
 * and 1 MiB with the list of Debian 12, ten times the price of a handshake, and all other attempts wait meanwhile. So a
 * connection gets the parsed list. libcurl itself is told of no list: should ours not reach it, nobody is believed. Nor may
 * it keep lists from one connection to the next: 7.88 would give the first one that we passed to all that follow.
 */
#pragma once

#include <curl/curl.h>

#include "sallyport/base/record.h"

struct error;
struct x509_store_st;

struct trust {
    struct x509_store_st *store;
    unsigned count;
};

/* -ENOSYS unless libcurl uses the OpenSSL that we are linked with. */
int trust_check_library(struct error *err);

/* An empty list is no failure: nobody is believed then. Certificates that cannot be read are left out. */
int trust_open(struct trust *trust, struct span pem, struct error *err);
void trust_close(struct trust *trust);

/* CURLOPT_SSL_CTX_FUNCTION; its data is the trust. */
CURLcode trust_use(CURL *easy, void *context, void *trust);
