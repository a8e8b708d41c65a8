/*
 * Certificates and private keys in PEM, as an owner wrote them: read strictly, and told apart from what only looks like them.
 * Beside hash.h the one home of OpenSSL's libcrypto in base; linked by who serves TLS and by who checks beforehand that it can.
 *
 * A fault says what to do about it, and never repeats a byte of what was read: it may be the key.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;
struct evp_pkey_st;
struct x509_st;

#define CERTIFICATE_COUNT_MAX 64 /* of one file: a chain has three, a list of authorities a few more */

struct certificates {
    struct x509_st *items[CERTIFICATE_COUNT_MAX]; /* the first is the server's own, when they are a chain */
    unsigned count;
};

/* All certificates of the text, at least one; -EINVAL when there is none, one is broken, or there are too many. */
int certificates_read(const void *pem, size_t size, struct certificates *ret_certificates, struct error *err);
void certificates_done(struct certificates *certificates);

/* When the first of them holds, in seconds since 1970. */
void certificates_times(const struct certificates *certificates, int64_t *ret_from_unix_s, int64_t *ret_until_unix_s);

/* Whom the first of them names: "CN=api.example, O=Example", printable and cut to the room. */
void certificates_subject(const struct certificates *certificates, char *ret_text, size_t room);

/*
 * The names of one certificate, as lines: "dns:", "email:" and "uri:" of its subjectAltName, then "subject:" as RFC 4514 writes it.
 * A name with other than printable ASCII is left out, and so is what finds no room. Returns how many bytes; 0 for none.
 */
size_t certificate_claims(const struct x509_st *certificate, char *ret_text, size_t room);

/* The one private key of the text, without a passphrase. Freed with private_key_free(). */
int private_key_read(const void *pem, size_t size, struct evp_pkey_st **ret_key, struct error *err);
void private_key_free(struct evp_pkey_st *key);

/* Whether a client of today takes the two: the key is that of the first certificate, and nothing in the chain is weak. */
int certificates_check_key(const struct certificates *certificates, struct evp_pkey_st *key, struct error *err);
