#include "trust.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "sallyport/base/error.h"

int trust_check_library(struct error *err)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    const char *theirs = curl->ssl_version != NULL ? curl->ssl_version : "no TLS";
    if (strncmp(theirs, "OpenSSL/", 8) == 0 && strcmp(theirs + 8, OpenSSL_version(OPENSSL_VERSION_STRING)) == 0)
        return 0;
    return fail_plain(err, ENOSYS, "libcurl uses %s and not OpenSSL/%s; Debian's libcurl4 is needed", theirs,
                      OpenSSL_version(OPENSSL_VERSION_STRING));
}

int trust_open(struct trust *trust, struct span pem, struct error *err)
{
    *trust = (struct trust){ .store = X509_STORE_new() };
    BIO *in = BIO_new_mem_buf(pem.data != NULL ? pem.data : (const uint8_t *)"", (int)pem.size);
    if (trust->store == NULL || in == NULL) {
        BIO_free(in);
        trust_close(trust);
        return fail(err, ENOMEM, "read certificates");
    }
    for (X509 *certificate; (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL;) {
        trust->count += X509_STORE_add_cert(trust->store, certificate) == 1;
        X509_free(certificate);
    }
    ERR_clear_error();
    BIO_free(in);
    return 0;
}

void trust_close(struct trust *trust)
{
    X509_STORE_free(trust->store); /* connections that use it hold it */
    *trust = (struct trust){ 0 };
}

CURLcode trust_use(CURL *easy, void *context, void *trust)
{
    (void)easy;
    SSL_CTX_set1_cert_store(context, ((struct trust *)trust)->store);
    return CURLE_OK;
}
