/*
 * Passwords of local users: the line that stands in for one, and whether a password fits it. scrypt (RFC 7914) behind OpenSSL;
 * the line has the form that others print, too: "$scrypt$ln=15,r=8,p=1$SALT$KEY", salt and key in base64 without padding.
 *
 * What a line may ask for is bounded on both sides: less than we make ourselves is too weak, and more would let a file decide
 * how much memory a service takes for each guess of a stranger.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define PASSWORD_MIN_BYTES 8    /* of a new one (NIST SP 800-63B section 5.1.1.2) */
#define PASSWORD_MAX_BYTES 1024 /* of any */

#define PASSWORD_LOG_N_MIN 15 /* 32 MiB with r = 8; what we make */
#define PASSWORD_LOG_N_MAX 17 /* 128 MiB */
#define PASSWORD_R         8
#define PASSWORD_P_MAX     4 /* times so much work */

#define PASSWORD_SALT_BYTES 16
#define PASSWORD_KEY_BYTES  32
#define PASSWORD_LINE_BYTES 128

struct password_hash {
    uint8_t log_n, p; /* r is PASSWORD_R */
    uint8_t salt[PASSWORD_SALT_BYTES];
    uint8_t key[PASSWORD_KEY_BYTES];
};

/* NULL; or why the line is none, and then nothing is written. */
const char *password_read(const char *line, struct password_hash *ret_hash);
void password_write(const struct password_hash *hash, char line[PASSWORD_LINE_BYTES]);

/* With a salt of its own and the least cost. -errno: no random bytes, or no memory. */
int password_make(const void *password, size_t size, struct password_hash *ret_hash, struct error *err);

/* Takes the same time and memory whether it fits or not. -ENOMEM: the memory that it needs is not there. */
int password_check(const struct password_hash *hash, const void *password, size_t size, bool *ret_fits,
                   struct error *err);

/* Has the library load what it needs, so that nothing is opened later. */
int password_prepare(struct error *err);
