#include "sallyport/hook/verify.h"

#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"

#define PIECES_MAX      8
#define STANDARD_PREFIX "whsec_"

/* The key's bytes; 0: none, with which nothing is ever proved. */
static size_t key_of(const struct hook_scheme *scheme, const struct hook_secret *secret,
                     uint8_t key[HOOK_SECRET_MAX_BYTES])
{
    char text[HOOK_SECRET_MAX_BYTES + 1];
    size_t size = 0, prefix = strlen(STANDARD_PREFIX);
    if (secret->size == 0 || secret->size > HOOK_SECRET_MAX_BYTES)
        return 0;
    if (scheme->proof != HOOK_PROOF_STANDARD) {
        memcpy(key, secret->data, secret->size);
        return secret->size;
    }
    if (secret->size <= prefix || memcmp(secret->data, STANDARD_PREFIX, prefix) != 0 ||
        !text_copy_bytes(text, sizeof text, (const char *)secret->data + prefix, secret->size - prefix))
        return 0;
    bool is_key = text_unbase64(text, key, HOOK_SECRET_MAX_BYTES, &size);
    explicit_bzero(text, sizeof text);
    return is_key ? size : 0;
}

const char *hook_secret_fault(const struct hook_scheme *scheme, const char *text)
{
    uint8_t key[HOOK_SECRET_MAX_BYTES];
    struct hook_secret secret = { (const uint8_t *)text, strlen(text) };
    bool is_standard = scheme->proof == HOOK_PROOF_STANDARD;
    if (secret.size > HOOK_SECRET_MAX_BYTES)
        return "has a secret that is too long: at most 256 bytes";
    size_t size = key_of(scheme, &secret, key);
    explicit_bzero(key, sizeof key);
    if (is_standard && size < HOOK_STANDARD_KEY_MIN_BYTES)
        return "must have whsec_ and base64 of at least 24 bytes, as the provider shows it";
    if (size < HOOK_SECRET_MIN_BYTES)
        return "has a secret that is too short: at least 16 characters, such as `openssl rand -hex 32` prints";
    return NULL;
}

static bool is_near(const struct hook_claim *claim, uint64_t now_unix_s)
{
    uint64_t at = 0;
    if (!text_u64(claim->timestamp, INT64_MAX, &at))
        return false;
    return at > now_unix_s ? at - now_unix_s <= HOOK_WINDOW_S : now_unix_s - at <= HOOK_WINDOW_S;
}

/* What is signed, in pieces: the template's own text and what stands for its names, then the body. */
static unsigned spell(const struct hook_scheme *scheme, const char *timestamp, const char *delivery, const void *body,
                      size_t size, struct hash_piece pieces[PIECES_MAX])
{
    unsigned count = 0;
    for (const char *at = scheme->before; *at != '\0' && count + 2 < PIECES_MAX;) {
        size_t plain = strcspn(at, "{");
        if (plain > 0)
            pieces[count++] = (struct hash_piece){ at, plain };
        at += plain;
        const char *value = strncmp(at, "{t}", 3) == 0 ? timestamp : delivery;
        if (*at == '{') {
            pieces[count++] = (struct hash_piece){ value, strlen(value) };
            at += strcspn(at, "}") + 1;
        }
    }
    pieces[count++] = (struct hash_piece){ body, size };
    return count;
}

static int digest_of(const struct hook_scheme *scheme, const uint8_t *key, size_t size, const struct hash_piece *pieces,
                     unsigned count, uint8_t ret_digest[HOOK_DIGEST_MAX])
{
    return scheme->is_sha512 ? hash_hmac_sha512(key, size, pieces, count, ret_digest)
                             : hash_hmac_sha256(key, size, pieces, count, ret_digest);
}

/* A token is compared by its hash, so that the time tells neither its length nor where it differs. */
static bool has_token(const struct hook_secret *secrets, unsigned count, const char *token)
{
    uint8_t shown[HASH_BYTES], known[HASH_BYTES];
    bool has = false;
    hash_sha256(token, strlen(token), shown);
    for (unsigned i = 0; i < count; i++) {
        hash_sha256(secrets[i].data, secrets[i].size, known);
        has |= hash_equal(shown, known) && secrets[i].size > 0;
    }
    return has;
}

static enum hook_verdict compare(const struct hook_scheme *scheme, const struct hook_secret *secrets, unsigned count,
                                 const struct hook_claim *claim, const struct hash_piece *pieces, unsigned piece_count)
{
    uint8_t key[HOOK_SECRET_MAX_BYTES], digest[HOOK_DIGEST_MAX];
    bool is_genuine = false;
    int done = 0;
    for (unsigned i = 0; i < count && done == 0; i++) {
        size_t size = key_of(scheme, &secrets[i], key);
        if (size == 0)
            continue;
        done = digest_of(scheme, key, size, pieces, piece_count, digest);
        for (unsigned k = 0; k < claim->count && done == 0; k++)
            is_genuine |= hash_equal_bytes(digest, claim->digests[k], hook_digest_bytes(scheme));
    }
    explicit_bzero(key, sizeof key);
    if (done < 0)
        return HOOK_NO_MEMORY;
    return is_genuine ? HOOK_GENUINE : HOOK_FORGED;
}

/* As long as a signature would take. */
static void read_through(const void *body, size_t size)
{
    uint8_t digest[HASH_BYTES];
    (void)hash_hmac_sha256((const uint8_t *)"", 1, &(struct hash_piece){ body, size }, 1, digest);
}

enum hook_verdict hook_verify(const struct hook_scheme *scheme, const struct hook_secret *secrets, unsigned count,
                              const struct hook_headers *headers, const void *body, size_t size, uint64_t now_unix_s)
{
    struct hook_claim claim;
    struct hash_piece pieces[PIECES_MAX];
    enum hook_verdict form = hook_claim_read(scheme, headers, &claim);
    if (form != HOOK_GENUINE)
        return form;
    if (scheme->proof == HOOK_PROOF_TOKEN) {
        read_through(body, size);
        return has_token(secrets, count, headers->signature) ? HOOK_GENUINE : HOOK_FORGED;
    }
    const char *delivery = headers->delivery != NULL ? headers->delivery : "";
    unsigned piece_count = spell(scheme, claim.timestamp, delivery, body, size, pieces);
    enum hook_verdict verdict = compare(scheme, secrets, count, &claim, pieces, piece_count);
    if (claim.timestamp[0] != '\0' && verdict != HOOK_NO_MEMORY && !is_near(&claim, now_unix_s))
        return HOOK_STALE;
    return verdict;
}

void hook_identity(const struct hook_scheme *scheme, const struct hook_headers *headers, const void *body, size_t size,
                   uint8_t ret_identity[HASH_BYTES])
{
    struct hook_claim claim;
    uint8_t digest[HASH_BYTES];
    char text[HASH_TEXT_BYTES + HOOK_TIME_BYTES + HOOK_DELIVERY_BYTES], hex[HASH_TEXT_BYTES];
    bool has_id = strstr(scheme->before, "{id}") != NULL && headers->delivery != NULL;
    bool has_time = scheme->is_time_new && hook_claim_read(scheme, headers, &claim) == HOOK_GENUINE;
    hash_sha256(body, size, digest);
    text_hex(digest, sizeof digest, hex);
    int length = snprintf(text, sizeof text, "%s %s %s", hex, has_id ? headers->delivery : "",
                          has_time && strstr(scheme->before, "{t}") != NULL ? claim.timestamp : "");
    /* A name that is longer has no form, and what has none was refused: but the hash is of what is here. */
    hash_sha256(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1, ret_identity);
}

bool hook_sign(const struct hook_scheme *scheme, const struct hook_secret *secret, const char *timestamp,
               const char *delivery, const void *body, size_t size, char ret_signature[HOOK_SIGNATURE_BYTES])
{
    uint8_t key[HOOK_SECRET_MAX_BYTES], digest[HOOK_DIGEST_MAX];
    struct hash_piece pieces[PIECES_MAX];
    char text[2 * HOOK_DIGEST_MAX + 1];
    bool is_base64 = scheme->is_base64 || scheme->proof == HOOK_PROOF_STANDARD;
    size_t key_size = key_of(scheme, secret, key);
    unsigned count = spell(scheme, timestamp, delivery, body, size, pieces);
    bool is_made = key_size > 0 && digest_of(scheme, key, key_size, pieces, count, digest) == 0;
    explicit_bzero(key, sizeof key);
    if (!is_made)
        return false;
    if (scheme->proof == HOOK_PROOF_TOKEN)
        return text_copy_bytes(ret_signature, HOOK_SIGNATURE_BYTES, secret->data, secret->size);
    if (is_base64)
        text_base64(digest, hook_digest_bytes(scheme), text);
    else
        text_hex(digest, hook_digest_bytes(scheme), text);
    int length = scheme->proof == HOOK_PROOF_STRIPE
                     ? snprintf(ret_signature, HOOK_SIGNATURE_BYTES, "t=%s,v1=%s", timestamp, text)
                     : snprintf(ret_signature, HOOK_SIGNATURE_BYTES, "%s%s",
                                scheme->proof == HOOK_PROOF_STANDARD ? "v1," : scheme->prefix, text);
    return length > 0 && length < HOOK_SIGNATURE_BYTES;
}
