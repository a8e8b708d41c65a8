/*
 * SHA-256 (FIPS 180-4) and comparison in constant time: the one header behind which OpenSSL's digests stand.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES      32
#define HASH_TEXT_BYTES (2 * HASH_BYTES + 1)

struct hash;

/* For data that comes in pieces. hash_new() returns NULL when memory is short; hash_free() takes NULL. */
struct hash *hash_new(void);
void hash_update(struct hash *hash, const void *data, size_t size);
void hash_result(struct hash *hash, uint8_t ret_digest[HASH_BYTES]); /* of all so far; may be asked again */
void hash_free(struct hash *hash);

void hash_sha256(const void *data, size_t size, uint8_t ret_digest[HASH_BYTES]);

/* RFC 2104 with SHA-256; pieces are taken one after another. 0 or -ENOMEM. */
struct hash_piece {
    const void *data;
    size_t size;
};
int hash_hmac_sha256(const uint8_t *key, size_t key_size, const struct hash_piece *pieces, unsigned count,
                     uint8_t ret_digest[HASH_BYTES]);
int hash_hmac_sha512(const uint8_t *key, size_t key_size, const struct hash_piece *pieces, unsigned count,
                     uint8_t ret_digest[2 * HASH_BYTES]);

/* Takes the same time wherever the difference is. */
bool hash_equal(const uint8_t left[HASH_BYTES], const uint8_t right[HASH_BYTES]);
bool hash_equal_bytes(const uint8_t *left, const uint8_t *right, size_t size);
