/* What is said of certificates and keys that cannot be served. They are made here, in a directory of its own below /tmp. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/config/config.h"

#define DAY_S   (24l * 3600)
#define COMMAND "commands: {x: {exec: [/bin/true]}}\n"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char said[8192];
static struct error err;
static struct config *config;

static void enter(void)
{
    umask(077);
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    static const char *const names[] = { "c.yaml", "cert.pem", "key.pem", "link.pem" };
    config_free(config);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(rmdir(directory), 0);
}

TestSuite(config_tls, .init = enter, .fini = leave);

static FILE *create(const char *name)
{
    unlink(name);
    FILE *file = fopen(name, "we");
    cr_assert_not_null(file);
    return file;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = create(name);
    fputs(text, file);
    fclose(file);
}

static void write_key(EVP_PKEY *key, const char *passphrase)
{
    FILE *file = create("key.pem");
    const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_128_cbc() : NULL;
    cr_assert_eq(PEM_write_PKCS8PrivateKey(file, key, cipher, passphrase,
                                           passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
                 1);
    fclose(file);
}

/* Signed by itself; from and until in seconds from now. */
static void write_certificate(EVP_PKEY *key, long from_s, long until_s)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"api.example", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    cr_assert_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    FILE *file = create("cert.pem");
    cr_assert_eq(PEM_write_X509(file, certificate), 1);
    fclose(file);
    X509_free(certificate);
}

/* The two files as they should be. */
static void write_pair(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_key(key, NULL);
    write_certificate(key, -DAY_S, 100 * DAY_S);
    EVP_PKEY_free(key);
}

/* With the given keys below server.tls; {D} stands for the directory. */
static int load(const char *listen, const char *tls)
{
    FILE *file = create("c.yaml");
    fprintf(file, "server:\n  listen: %s\n  tls: {", listen);
    for (const char *at = tls; *at != '\0'; at++)
        if (strncmp(at, "{D}", 3) == 0) {
            fputs(directory, file);
            at += 2;
        } else {
            fputc(*at, file);
        }
    fputs("}\n" COMMAND, file);
    fclose(file);
    memset(said, 0, sizeof said);
    err = (struct error){ 0 };
    config_free(config);
    config = NULL;
    FILE *report = fmemopen(said, sizeof said, "w");
    int done = config_load("c.yaml", geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF, report, &config, &err);
    fclose(report);
    return done;
}

#define LISTEN "\"127.0.0.1:8443\""
#define PAIR   "cert: {D}/cert.pem, key: \"file:{D}/key.pem\""

static void expect_refused(const char *tls, const char *part)
{
    cr_expect_lt(load(LISTEN, tls), 0, "%s is taken, and '%s' is not said", tls, part);
    cr_expect_not_null(strstr(said, part), "not '%s' in: %s %s", part, err.text, said);
}

static void expect_taken(const char *listen, const char *tls, const char *part)
{
    cr_assert_eq(load(listen, tls), 0, "%s %s", err.text, said);
    if (part == NULL)
        cr_expect_str_eq(said, "");
    else
        cr_expect_not_null(strstr(said, part), "not '%s' in: %s", part, said);
}

Test(config_tls, of_two_files_that_fit_is_taken_as_it_stands)
{
    write_pair();
    expect_taken(LISTEN, PAIR ", hsts: 2h", NULL);
    cr_assert_not_null(config->tls);
    cr_expect_eq(config->tls->setting.hsts_s, 7200);
    cr_expect_eq(config->tls->setting.client_ca.size, 0);
    cr_expect(strncmp((const char *)config->tls->setting.key.data, "-----BEGIN PRIVATE KEY-----", 27) == 0);
    cr_expect(strncmp((const char *)config->tls->setting.certificate.data, "-----BEGIN CERTIFICATE-----", 27) == 0);
    cr_expect_gt(config->tls->until_unix_s, time(NULL) + 99 * DAY_S);
}

Test(config_tls, is_spoken_by_addresses_that_are_not_called_plain)
{
    write_pair();
    expect_taken("[\"10.0.0.5:8443\", \"plain:127.0.0.1:8417\", unix:/run/x.sock, \"[::1]:8443\"]", PAIR, NULL);
    static const bool is_tls[] = { true, false, false, true };
    for (unsigned i = 0; i < 4; i++)
        cr_expect_eq(config->listeners[i].is_tls, is_tls[i], "%s", config->listeners[i].address);
    cr_expect_str_eq(config->listeners[1].host, "127.0.0.1");
    cr_expect_eq(config->listeners[1].port, 8417);
    cr_expect_lt(load("[\"127.0.0.1:8443\", \"plain:127.0.0.1:8443\"]", PAIR), 0);
    cr_expect_not_null(strstr(said, "is listed already"), "%s", said);
    expect_taken("[\"plain:127.0.0.1:8417\", unix:/run/x.sock]", PAIR, "warning: is of no use");
}

Test(config_tls, names_each_file_that_cannot_be_read)
{
    expect_refused(PAIR, "/cert.pem': No such file");
    cr_expect_not_null(strstr(said, "/key.pem': No such file"), "%s", said);
    write_pair();
    expect_refused("cert: {D}/cert.pem", "'key' is missing");
    expect_refused("key: \"file:{D}/key.pem\"", "'cert' is missing");
    expect_refused("cert: cert.pem, key: \"file:{D}/key.pem\"", "must be an absolute path");
    expect_refused("cert: {D}/cert.pem, key: {D}/key.pem", "must be file:PATH of a file with the key");
    cr_expect_eq(symlink("cert.pem", "link.pem"), 0);
    expect_refused("cert: {D}/link.pem, key: \"file:{D}/key.pem\"", "symbolic link");
    chmod("key.pem", 0640);
    expect_refused(PAIR, "key.pem is a secret that others can read: chmod 600");
    chmod("key.pem", 0600);
    chmod("cert.pem", 0664);
    expect_refused(PAIR, "cert.pem' can be changed by others");
    chmod("cert.pem", 0644);
    expect_taken(LISTEN, PAIR, NULL);
}

Test(config_tls, says_what_a_file_has_in_place_of_a_certificate_or_a_key)
{
    write_pair();
    expect_refused("cert: {D}/key.pem, key: \"file:{D}/key.pem\"", "key.pem has no certificate: a PEM file is wanted");
    expect_refused("cert: {D}/cert.pem, key: \"file:{D}/cert.pem\"",
                   "cert.pem has no private key: a PEM file is wanted");
    write_text("cert.pem", "");
    expect_refused(PAIR, "cert.pem has no certificate");
    write_text("cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    expect_refused(PAIR, "cert.pem has a certificate that is broken (the 1. of the file)");
    write_text("cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    expect_refused(PAIR, "cert.pem has a certificate that is broken (the 1. of the file)");
    write_pair();
    write_text("key.pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
    expect_refused(PAIR, "key.pem has a private key that is broken");
    cr_expect_null(strstr(said, "MIIB"));
}

Test(config_tls, takes_authorities_of_clients_and_no_other_file_for_them)
{
    write_pair();
    expect_taken(LISTEN, PAIR ", client_ca: {D}/cert.pem", NULL);
    cr_expect_gt(config->tls->setting.client_ca.size, 100);
    expect_refused(PAIR ", client_ca: {D}/key.pem", "server.tls.client_ca: ");
    cr_expect_not_null(strstr(said, "key.pem has no certificate"), "%s", said);
    expect_refused(PAIR ", client_ca: {D}/none.pem", "/none.pem': No such file");
}

Test(config_tls, asks_nobody_for_a_passphrase)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_key(key, "passphrase");
    write_certificate(key, -DAY_S, 100 * DAY_S);
    EVP_PKEY_free(key);
    expect_refused(PAIR, "key.pem has a key with a passphrase, which nobody is there to type");
}

Test(config_tls, refuses_the_key_of_another_certificate)
{
    write_pair();
    EVP_PKEY *other = EVP_EC_gen("P-256");
    write_key(other, NULL);
    EVP_PKEY_free(other);
    expect_refused(PAIR, "key.pem is not the key of the first certificate in 'cert'");
}

Test(config_tls, refuses_a_key_that_no_client_would_take)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    write_key(weak, NULL);
    write_certificate(weak, -DAY_S, 100 * DAY_S);
    EVP_PKEY_free(weak);
    expect_refused(PAIR, "key.pem is too weak for clients of today");
}

Test(config_tls, warns_of_times_and_serves_all_the_same)
{
    static const struct {
        long from_s, until_s;
        const char *part;
    } cases[] = {
        { -9 * DAY_S, -2 * DAY_S, "cert.pem expired on 20" },
        { -9 * DAY_S, 3 * DAY_S, "cert.pem expires on 20" },
        { 2 * DAY_S, 90 * DAY_S, "cert.pem holds from 20" },
        { -9 * DAY_S, 30 * DAY_S, NULL },
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_key(key, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_certificate(key, cases[i].from_s, cases[i].until_s);
        expect_taken(LISTEN, PAIR, cases[i].part);
    }
    EVP_PKEY_free(key);
}
