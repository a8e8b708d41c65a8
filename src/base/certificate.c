#include "sallyport/base/certificate.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "sallyport/base/error.h"

#define STRENGTH_LEAST_BITS 112 /* RSA of 2048 bits, SHA-224: what OpenSSL asks for at its security level 2 */

static BIO *open_text(const void *pem, size_t size)
{
    ERR_clear_error();
    return size <= INT_MAX ? BIO_new_mem_buf(size > 0 ? pem : "", (int)size) : NULL;
}

/* Whether the reader stopped because no block of its kind is left, and not at a broken one. */
static bool is_at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static int read_all(BIO *in, struct certificates *certificates, struct error *err)
{
    for (X509 *next; (next = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL;) {
        if (certificates->count == CERTIFICATE_COUNT_MAX) {
            X509_free(next);
            return fail_plain(err, EINVAL, "has more than %d certificates", CERTIFICATE_COUNT_MAX);
        }
        certificates->items[certificates->count++] = next;
    }
    if (!is_at_end())
        return fail_plain(err, EINVAL,
                          "has a certificate that is broken (the %u. of the file); get it anew from who issued it",
                          certificates->count + 1);
    if (certificates->count == 0)
        return fail_plain(err, EINVAL,
                          "has no certificate: a PEM file is wanted, with -----BEGIN CERTIFICATE----- in it");
    return 0;
}

int certificates_read(const void *pem, size_t size, struct certificates *ret_certificates, struct error *err)
{
    struct certificates read = { .count = 0 };
    BIO *in = open_text(pem, size);
    int done = in == NULL ? fail(err, ENOMEM, "read certificates") : read_all(in, &read, err);
    BIO_free(in);
    ERR_clear_error();
    if (done < 0)
        certificates_done(&read);
    else
        *ret_certificates = read;
    return done;
}

void certificates_done(struct certificates *certificates)
{
    for (unsigned i = 0; i < certificates->count; i++)
        X509_free(certificates->items[i]);
    certificates->count = 0;
}

static int64_t unix_s(const ASN1_TIME *time)
{
    struct tm fields;
    return ASN1_TIME_to_tm(time, &fields) == 1 ? (int64_t)timegm(&fields) : 0;
}

void certificates_times(const struct certificates *certificates, int64_t *ret_from_unix_s, int64_t *ret_until_unix_s)
{
    *ret_from_unix_s = unix_s(X509_get0_notBefore(certificates->items[0]));
    *ret_until_unix_s = unix_s(X509_get0_notAfter(certificates->items[0]));
}

void certificates_subject(const struct certificates *certificates, char *ret_text, size_t room)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    long size = 0;
    /* With the escapes of RFC 2253, so that only printable ASCII comes through. */
    if (out != NULL && X509_NAME_print_ex(out, X509_get_subject_name(certificates->items[0]), 0,
                                          XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) >= 0)
        size = BIO_get_mem_data(out, &text);
    size_t length = size > 0 ? (size_t)size : 0;
    if (length >= room)
        length = room - 1;
    if (text != NULL)
        memcpy(ret_text, text, length);
    ret_text[length] = '\0';
    BIO_free(out);
}

/* Nobody is there to be asked, and OpenSSL would ask a terminal. */
static int refuse_passphrase(char *buffer, int size, int is_writing, void *is_asked)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    *(bool *)is_asked = true;
    return -1;
}

int private_key_read(const void *pem, size_t size, struct evp_pkey_st **ret_key, struct error *err)
{
    bool is_asked = false;
    BIO *in = open_text(pem, size);
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, refuse_passphrase, &is_asked) : NULL;
    BIO_free(in);
    ERR_clear_error();
    if (in == NULL)
        return fail(err, ENOMEM, "read a key");
    if (is_asked)
        return fail_plain(err, EINVAL,
                          "has a key with a passphrase, which nobody is there to type; write one without: "
                          "openssl pkey -in OLD -out NEW");
    if (key == NULL && (size == 0 || memmem(pem, size, "PRIVATE KEY-----", 16) == NULL))
        return fail_plain(err, EINVAL,
                          "has no private key: a PEM file is wanted, with -----BEGIN PRIVATE KEY----- in it");
    if (key == NULL)
        return fail_plain(err, EINVAL, "has a private key that is broken");
    *ret_key = key;
    return 0;
}

void private_key_free(struct evp_pkey_st *key)
{
    EVP_PKEY_free(key);
}

/* Who signed himself is believed for being listed, not for the signature. */
static bool is_signed_weakly(X509 *certificate)
{
    int bits = 0;
    if ((X509_get_extension_flags(certificate) & EXFLAG_SS) != 0)
        return false;
    return X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) != 1 || bits < STRENGTH_LEAST_BITS;
}

int certificates_check_key(const struct certificates *certificates, struct evp_pkey_st *key, struct error *err)
{
    bool fits = X509_check_private_key(certificates->items[0], key) == 1;
    ERR_clear_error();
    if (!fits)
        return fail_plain(err, EINVAL,
                          "is not the key of the first certificate in 'cert'; the server's own certificate "
                          "comes first there, then those that vouch for it");
    if (EVP_PKEY_get_security_bits(key) < STRENGTH_LEAST_BITS)
        return fail_plain(err, EINVAL,
                          "is too weak for clients of today; make one with: openssl genpkey -algorithm EC "
                          "-pkeyopt ec_paramgen_curve:P-256");
    for (unsigned i = 0; i < certificates->count; i++) {
        EVP_PKEY *of_chain = X509_get0_pubkey(certificates->items[i]);
        if (of_chain == NULL || EVP_PKEY_get_security_bits(of_chain) < STRENGTH_LEAST_BITS ||
            is_signed_weakly(certificates->items[i]))
            return fail_plain(err, EINVAL,
                              "cannot be used: certificate %u of 'cert' has a key or a signature that is too weak for "
                              "clients of today; get a new one",
                              i + 1);
    }
    return 0;
}
