#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "sallyport/base/certificate.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define CIPHERS_OF_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define LEFT_UNREAD_MOST                                                                                               \
    (64 * 1024) /* of a client that speaks something else: a request's head, and some of its body */

struct tls {
    SSL_CTX *context; /* in its store: who may vouch for clients */
    bool asks_clients;
    char hsts[48]; /* "": nothing is said */
};

/* No file of OpenSSL's own has a say; strings of errors and the source of chance are there before files and devices go. */
static int load_library(struct error *err)
{
    uint8_t some[16];
    uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS;
    if (OPENSSL_init_ssl(options, NULL) != 1 || RAND_bytes(some, sizeof some) != 1)
        return fail_plain(err, ENOSYS, "OpenSSL cannot be used here");
    return 0;
}

/* OpenSSL's own words; they name what is wrong with a certificate, and no byte of a key. */
static int fail_in_library(struct error *err, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return fail_plain(err, EINVAL, "%s: %s", what, reason != NULL ? reason : "OpenSSL refuses it");
}

/* A client that offers other protocols alone means another server; RFC 7301 wants it told so. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_bytes, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *name = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&name, ret_length, ours, sizeof ours - 1, offered, offered_bytes) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = name;
    return SSL_TLSEXT_ERR_OK;
}

static int set_rules(SSL_CTX *context, struct error *err)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_CLEANSE_PLAINTEXT); /* what was read may be a password */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN); /* idle connections are most of them */
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 || SSL_CTX_set_num_tickets(context, 0) != 1 ||
        SSL_CTX_set_cipher_list(context, CIPHERS_OF_1_2) != 1)
        return fail_in_library(err, "set the rules of TLS");
    return 0;
}

static int use_pair(SSL_CTX *context, const struct certificates *certificates, EVP_PKEY *key, struct error *err)
{
    int done = certificates_check_key(certificates, key, err);
    if (done < 0)
        return done;
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool fits = chain != NULL;
    for (unsigned i = 1; i < certificates->count && fits; i++)
        fits = sk_X509_push(chain, certificates->items[i]) > 0;
    fits = fits && SSL_CTX_use_cert_and_key(context, certificates->items[0], key, chain, 1) == 1;
    sk_X509_free(chain); /* the context has references of its own */
    return fits ? 0 : fail_in_library(err, "use the certificate");
}

/* Who shows none is served as well, and known by a token. One that does not verify ends the handshake. */
static int ask_clients(struct tls *tls, const struct setting_tls *setting, struct error *err)
{
    struct certificates authorities = { .count = 0 };
    if (setting->client_ca.size == 0)
        return 0;
    int done = certificates_read(setting->client_ca.data, setting->client_ca.size, &authorities, err);
    X509_STORE *store = SSL_CTX_get_cert_store(tls->context);
    bool is_listed = done == 0 && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
    for (unsigned i = 0; i < authorities.count && is_listed; i++)
        is_listed = X509_STORE_add_cert(store, authorities.items[i]) == 1 &&
                    SSL_CTX_add_client_CA(tls->context, authorities.items[i]) == 1;
    certificates_done(&authorities);
    if (!is_listed)
        return done < 0 ? done : fail_in_library(err, "use the authorities of clients");
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    tls->asks_clients = true;
    return 0;
}

static void say_what_serves(const struct certificates *certificates)
{
    char subject[256], when[CLOCK_TEXT_BYTES];
    int64_t from_s = 0, until_s = 0;
    certificates_times(certificates, &from_s, &until_s);
    certificates_subject(certificates, subject, sizeof subject);
    log_info("new connections over TLS get the certificate of %s, which holds until %.10s", subject,
             clock_text(until_s > 0 ? (uint64_t)until_s * 1000 : 0, when));
}

static int fill(struct tls *tls, const struct setting_tls *setting, struct error *err)
{
    struct certificates certificates = { .count = 0 };
    EVP_PKEY *key = NULL;
    int done = set_rules(tls->context, err);
    if (done == 0)
        done = certificates_read(setting->certificate.data, setting->certificate.size, &certificates, err);
    if (done == 0)
        done = private_key_read(setting->key.data, setting->key.size, &key, err);
    if (done == 0)
        done = use_pair(tls->context, &certificates, key, err);
    if (done == 0)
        done = ask_clients(tls, setting, err);
    if (done == 0)
        say_what_serves(&certificates);
    private_key_free(key);
    certificates_done(&certificates);
    if (setting->hsts_s > 0)
        snprintf(tls->hsts, sizeof tls->hsts, "max-age=%llu", (unsigned long long)setting->hsts_s);
    return done;
}

int tls_new(const struct setting_tls *setting, struct tls **ret_tls, struct error *err)
{
    int done = load_library(err);
    if (done < 0)
        return done;
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return fail(err, ENOMEM, "prepare TLS");
    tls->context = SSL_CTX_new(TLS_server_method());
    done = tls->context == NULL ? fail(err, ENOMEM, "prepare TLS") : fill(tls, setting, err);
    if (done < 0)
        tls_free(tls);
    else
        *ret_tls = tls;
    return done < 0 ? fail_in(err, "TLS") : 0;
}

void tls_free(struct tls *tls)
{
    if (tls != NULL)
        SSL_CTX_free(tls->context);
    free(tls);
}

const char *tls_hsts(const struct tls *tls)
{
    return tls != NULL && tls->hsts[0] != '\0' ? tls->hsts : NULL;
}

struct bufferevent *tls_accept(const struct tls *tls, struct event_base *base)
{
    SSL *ssl = SSL_new(tls->context);
    struct bufferevent *bev = NULL;
    if (ssl != NULL)
        bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    /* Requests say how long they are, so a cut is seen without the client's own word on its end. */
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

bool tls_is_on(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev) != NULL;
}

static bool still_verifies(const struct tls *tls, SSL *ssl, X509 *certificate)
{
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    X509_STORE *store = SSL_CTX_get_cert_store(tls->context);
    bool verifies = check != NULL &&
                    X509_STORE_CTX_init(check, store, certificate, SSL_get_peer_cert_chain(ssl)) == 1 &&
                    X509_STORE_CTX_set_default(check, "ssl_client") == 1;
    if (verifies) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(check), SSL_get_security_level(ssl));
        verifies = X509_verify_cert(check) == 1;
    }
    X509_STORE_CTX_free(check);
    return verifies;
}

size_t tls_claims(const struct tls *tls, struct bufferevent *bev, char *ret_text, size_t room)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    X509 *certificate = tls != NULL && tls->asks_clients && ssl != NULL ? SSL_get1_peer_certificate(ssl) : NULL;
    size_t size = 0;
    if (certificate == NULL) /* without one the handshake's verdict is "fine", too */
        return 0;
    if (SSL_get_verify_result(ssl) == X509_V_OK && still_verifies(tls, ssl, certificate))
        size = certificate_claims(certificate, ret_text, room);
    X509_free(certificate);
    ERR_clear_error();
    return size;
}

int tls_write_now(struct bufferevent *bev, const char *data, size_t size)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    size_t written = 0;
    if (ssl == NULL || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
        return -EPIPE;
    ERR_clear_error();
    bool is_out = SSL_write_ex(ssl, data, size, &written) == 1 && written == size;
    ERR_clear_error();
    return is_out ? 0 : -EPIPE;
}

static void drop_unread(int fd)
{
    char room[4096];
    for (size_t dropped = 0; dropped < LEFT_UNREAD_MOST;) {
        ssize_t got = recv(fd, room, sizeof room, MSG_DONTWAIT);
        if (got <= 0)
            return;
        dropped += (size_t)got;
    }
}

void tls_end(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl == NULL || (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    ERR_clear_error();
    if (SSL_is_init_finished(ssl) == 1)
        (void)SSL_shutdown(ssl); /* with nobody there it fails, and nobody misses it */
    else
        drop_unread(bufferevent_getfd(bev));
    ERR_clear_error();
}
