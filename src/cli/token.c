#include "token.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#define TOKEN_RANDOM_BYTES 32

int token_make(char token[TOKEN_TEXT_BYTES], struct error *err)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[TOKEN_RANDOM_BYTES + 1] = { 0 }; /* one zero byte more fills the last digit */
    if (getrandom(random, TOKEN_RANDOM_BYTES, 0) != TOKEN_RANDOM_BYTES)
        return fail(err, errno, "take random bytes");
    char *to = stpcpy(token, "sp_");
    for (size_t i = 0; i < sizeof random; i += 3) {
        uint32_t word = (uint32_t)random[i] << 16 | (uint32_t)random[i + 1] << 8 | random[i + 2];
        for (int shift = 18; shift >= 0 && to < token + TOKEN_TEXT_BYTES - 1; shift -= 6)
            *to++ = alphabet[word >> shift & 63];
    }
    *to = '\0';
    explicit_bzero(random, sizeof random);
    return 0;
}

void token_hash(const char *token, char text[TOKEN_HASH_TEXT_BYTES])
{
    uint8_t digest[HASH_BYTES];
    hash_sha256(token, strlen(token), digest);
    text_hex(digest, sizeof digest, stpcpy(text, "sha256:"));
}

bool token_scope_is_sound(const char *scope)
{
    static const char *const fixed[] = { "read:own", "read:all", "cancel:own",     "cancel:all",
                                         "metrics",  "admin",    "admin:functions" };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strcmp(fixed[i], scope) == 0)
            return true;
    if (strncmp(scope, "run:", 4) != 0)
        return false;
    size_t length = strspn(scope + 4, "abcdefghijklmnopqrstuvwxyz0123456789-*");
    return length > 0 && length < NAME_MAX_BYTES && scope[4 + length] == '\0';
}
