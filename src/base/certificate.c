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
#include "sallyport/limits.h"

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

struct claims {
    char *text;
    size_t used, room;
    unsigned count;
};

static void add_claim(struct claims *claims, const char *kind, const char *name, size_t size)
{
    size_t kind_size = strlen(kind);
    bool is_good = size > 0 && kind_size + size < CLAIM_MAX_BYTES && claims->count < CLAIM_COUNT_MAX &&
                   claims->used + kind_size + size + 1 <= claims->room;
    for (size_t i = 0; i < size && is_good; i++)
        is_good = name[i] >= ' ' && name[i] <= '~';
    if (!is_good)
        return;
    char *at = claims->text + claims->used;
    if (claims->count++ > 0)
        *at++ = '\n';
    at = mempcpy(at, kind, kind_size);
    at = mempcpy(at, name, size);
    claims->used = (size_t)(at - claims->text);
}

static void add_alternative(struct claims *claims, const GENERAL_NAME *name)
{
    static const struct {
        int type;
        const char *kind;
    } kinds[] = { { GEN_DNS, "dns:" }, { GEN_EMAIL, "email:" }, { GEN_URI, "uri:" } };
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].type == type)
            add_claim(claims, kinds[i].kind, (const char *)ASN1_STRING_get0_data(value),
                      (size_t)ASN1_STRING_length(value));
}

static void add_subject(struct claims *claims, const X509 *certificate)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    long size = 0;
    if (out != NULL && X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
        size = BIO_get_mem_data(out, &text);
    if (text != NULL && size > 0)
        add_claim(claims, "subject:", text, (size_t)size);
    BIO_free(out);
}

size_t certificate_claims(const struct x509_st *certificate, char *ret_text, size_t room)
{
    struct claims claims = { .text = ret_text, .room = room };
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        add_alternative(&claims, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    add_subject(&claims, certificate);
    ERR_clear_error();
    return claims.used;
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
