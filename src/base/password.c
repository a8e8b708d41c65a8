#include "sallyport/base/password.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define KEY_TEXT_BYTES (4 * ((PASSWORD_KEY_BYTES + 2) / 3) + 1)
#define WORK_MAX_BYTES (256ull * 1024 * 1024) /* above what the largest costs need; OpenSSL wants to be told */

static const char form[] = "must be a line that `sallyport user hash` prints: $scrypt$ln=15,r=8,p=1$SALT$KEY";

/* A number of one or two digits and what ends it; NULL when there is none. */
static const char *read_number(const char *text, const char *name, char end, uint8_t *ret_number)
{
    size_t length = strlen(name), digits = 0;
    unsigned number = 0;
    if (strncmp(text, name, length) != 0)
        return NULL;
    for (text += length; digits < 2 && *text >= '0' && *text <= '9'; text++, digits++)
        number = number * 10 + (unsigned)(*text - '0');
    if (digits == 0 || *text != end)
        return NULL;
    *ret_number = (uint8_t)number;
    return text + 1;
}

/* Base64 without padding, up to `end`, of exactly so many bytes; behind it, or NULL. */
static const char *read_bytes(const char *text, char end, uint8_t *to, size_t size)
{
    char padded[KEY_TEXT_BYTES];
    size_t length = strcspn(text, "$"), whole = 4 * ((size + 2) / 3), got;
    if (text[length] != end || length > whole || !text_copy_bytes(padded, sizeof padded, text, length) ||
        memchr(text, '=', length) != NULL)
        return NULL;
    while (length < whole)
        padded[length++] = '=';
    padded[length] = '\0';
    if (!text_unbase64(padded, to, size, &got) || got != size)
        return NULL;
    return text + strcspn(text, "$") + (end != '\0');
}

static const char *check_costs(const struct password_hash *hash, uint8_t r)
{
    if (hash->log_n < PASSWORD_LOG_N_MIN || r < PASSWORD_R || hash->p < 1)
        return "asks for too little work: guessing is cheap below ln=15,r=8,p=1";
    if (hash->log_n > PASSWORD_LOG_N_MAX || r > PASSWORD_R || hash->p > PASSWORD_P_MAX)
        return "asks for too much memory or work: the most is ln=17,r=8,p=4";
    return NULL;
}

const char *password_read(const char *line, struct password_hash *ret_hash)
{
    static const char prefix[] = "$scrypt$";
    struct password_hash hash;
    uint8_t r = 0;
    if (strncmp(line, prefix, sizeof prefix - 1) != 0)
        return form;
    const char *at = read_number(line + sizeof prefix - 1, "ln=", ',', &hash.log_n);
    if (at != NULL)
        at = read_number(at, "r=", ',', &r);
    if (at != NULL)
        at = read_number(at, "p=", '$', &hash.p);
    if (at != NULL)
        at = read_bytes(at, '$', hash.salt, sizeof hash.salt);
    if (at != NULL)
        at = read_bytes(at, '\0', hash.key, sizeof hash.key);
    if (at == NULL)
        return form;
    const char *why = check_costs(&hash, r);
    if (why == NULL)
        *ret_hash = hash;
    return why;
}

static void write_bytes(const uint8_t *data, size_t size, char text[KEY_TEXT_BYTES])
{
    text_base64(data, size, text);
    text[strcspn(text, "=")] = '\0';
}

void password_write(const struct password_hash *hash, char line[PASSWORD_LINE_BYTES])
{
    char salt[KEY_TEXT_BYTES], key[KEY_TEXT_BYTES];
    write_bytes(hash->salt, sizeof hash->salt, salt);
    write_bytes(hash->key, sizeof hash->key, key);
    snprintf(line, PASSWORD_LINE_BYTES, "$scrypt$ln=%u,r=%d,p=%u$%s$%s", hash->log_n, PASSWORD_R, hash->p, salt, key);
}

static int derive(const struct password_hash *hash, const void *password, size_t size, uint8_t key[PASSWORD_KEY_BYTES],
                  struct error *err)
{
    int done = EVP_PBE_scrypt(password, size, hash->salt, sizeof hash->salt, 1ull << hash->log_n, PASSWORD_R, hash->p,
                              WORK_MAX_BYTES, key, PASSWORD_KEY_BYTES);
    return done == 1 ? 0 : fail(err, ENOMEM, "hash a password");
}

int password_make(const void *password, size_t size, struct password_hash *ret_hash, struct error *err)
{
    struct password_hash hash = { .log_n = PASSWORD_LOG_N_MIN, .p = 1 };
    if (getrandom(hash.salt, sizeof hash.salt, 0) != sizeof hash.salt)
        return fail(err, errno, "take random bytes");
    int done = derive(&hash, password, size, hash.key, err);
    if (done == 0)
        *ret_hash = hash;
    return done;
}

int password_check(const struct password_hash *hash, const void *password, size_t size, bool *ret_fits,
                   struct error *err)
{
    uint8_t key[PASSWORD_KEY_BYTES];
    int done = derive(hash, password, size, key, err);
    if (done == 0)
        *ret_fits = CRYPTO_memcmp(key, hash->key, sizeof key) == 0;
    explicit_bzero(key, sizeof key);
    return done;
}

int password_prepare(struct error *err)
{
    struct password_hash least = { .log_n = 1, .p = 1 };
    uint8_t key[PASSWORD_KEY_BYTES];
    return derive(&least, "", 0, key, err);
}
