#include "sallyport/base/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct hash {
    EVP_MD_CTX *context;
};

struct hash *hash_new(void)
{
    struct hash *hash = calloc(1, sizeof *hash);
    if (hash == NULL)
        return NULL;
    hash->context = EVP_MD_CTX_new();
    if (hash->context == NULL || EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1) {
        hash_free(hash);
        return NULL;
    }
    return hash;
}

void hash_update(struct hash *hash, const void *data, size_t size)
{
    int done = EVP_DigestUpdate(hash->context, data, size);
    assert(done == 1);
    (void)done;
}

void hash_result(struct hash *hash, uint8_t ret_digest[HASH_BYTES])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    assert(copy != NULL);
    int done = EVP_MD_CTX_copy_ex(copy, hash->context) == 1 && EVP_DigestFinal_ex(copy, ret_digest, NULL) == 1;
    assert(done);
    (void)done;
    EVP_MD_CTX_free(copy);
}

void hash_free(struct hash *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void hash_sha256(const void *data, size_t size, uint8_t ret_digest[HASH_BYTES])
{
    int done = EVP_Digest(data, size, ret_digest, NULL, EVP_sha256(), NULL);
    assert(done == 1);
    (void)done;
}

static int hmac(const EVP_MD *kind, const uint8_t *key, size_t key_size, const struct hash_piece *pieces,
                unsigned count, uint8_t *ret_digest, size_t digest_bytes)
{
    EVP_PKEY *secret = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, key, key_size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = digest_bytes;
    bool is_done = secret != NULL && context != NULL && EVP_DigestSignInit(context, NULL, kind, NULL, secret) == 1;
    for (unsigned i = 0; i < count && is_done; i++)
        is_done = EVP_DigestSignUpdate(context, pieces[i].data, pieces[i].size) == 1;
    is_done = is_done && EVP_DigestSignFinal(context, ret_digest, &size) == 1 && size == digest_bytes;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(secret);
    return is_done ? 0 : -ENOMEM;
}

int hash_hmac_sha256(const uint8_t *key, size_t key_size, const struct hash_piece *pieces, unsigned count,
                     uint8_t ret_digest[HASH_BYTES])
{
    return hmac(EVP_sha256(), key, key_size, pieces, count, ret_digest, HASH_BYTES);
}

int hash_hmac_sha512(const uint8_t *key, size_t key_size, const struct hash_piece *pieces, unsigned count,
                     uint8_t ret_digest[2 * HASH_BYTES])
{
    return hmac(EVP_sha512(), key, key_size, pieces, count, ret_digest, sizeof(uint8_t[2 * HASH_BYTES]));
}

bool hash_equal(const uint8_t left[HASH_BYTES], const uint8_t right[HASH_BYTES])
{
    return CRYPTO_memcmp(left, right, HASH_BYTES) == 0;
}

bool hash_equal_bytes(const uint8_t *left, const uint8_t *right, size_t size)
{
    return CRYPTO_memcmp(left, right, size) == 0;
}
