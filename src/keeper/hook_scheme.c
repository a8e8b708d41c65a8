#include "hook_scheme.h"

#include <string.h>

#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"

#define PIECES_MAX       8
#define STANDARD_PREFIX  "whsec_"
#define TIMESTAMP_DIGITS 20

static const struct hook_scheme schemes[] = {
    { "github", HOOK_PROOF_HEX, "X-Hub-Signature-256", "sha256=", NULL, "X-GitHub-Delivery", "" },
    { "gitlab", HOOK_PROOF_TOKEN, "X-Gitlab-Token", "", NULL, "Idempotency-Key", "" },
    { "gitlab-signing", HOOK_PROOF_STANDARD, "webhook-signature", "", "webhook-timestamp", "webhook-id", "{id}.{t}." },
    { "gitea", HOOK_PROOF_HEX, "X-Gitea-Signature", "", NULL, "X-Gitea-Delivery", "" },
    { "bitbucket", HOOK_PROOF_HEX, "X-Hub-Signature", "sha256=", NULL, "X-Request-UUID", "" },
    { "slack", HOOK_PROOF_HEX, "X-Slack-Signature", "v0=", "X-Slack-Request-Timestamp", NULL, "v0:{t}:" },
    { "stripe", HOOK_PROOF_STRIPE, "Stripe-Signature", "", NULL, NULL, "{t}." },
    { "standard-webhooks", HOOK_PROOF_STANDARD, "webhook-signature", "", "webhook-timestamp", "webhook-id",
      "{id}.{t}." },
};

const struct hook_scheme *hook_scheme_find(const char *name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

/* What a delivery claims: signatures of the body, made at a time. */
struct claim {
    uint8_t digests[HOOK_SIGNATURES_MAX][HASH_BYTES];
    unsigned count;
    char timestamp[TIMESTAMP_DIGITS + 1]; /* "": none */
};

static bool add_hex(struct claim *claim, const char *text, size_t size)
{
    char copy[HASH_TEXT_BYTES];
    return claim->count < HOOK_SIGNATURES_MAX && text_copy_bytes(copy, sizeof copy, text, size) &&
           text_unhex(copy, HASH_BYTES, claim->digests[claim->count++]);
}

static bool add_base64(struct claim *claim, const char *text, size_t size)
{
    char copy[64];
    size_t decoded = 0;
    return claim->count < HOOK_SIGNATURES_MAX && text_copy_bytes(copy, sizeof copy, text, size) &&
           text_unbase64(copy, claim->digests[claim->count++], HASH_BYTES, &decoded) && decoded == HASH_BYTES;
}

/* "t=1492774577,v1=5257a8...,v0=6ffbb5..."; other versions are older ways, and no proof. */
static bool read_stripe(const char *text, struct claim *claim)
{
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (size > 3 && strncmp(text, "v1=", 3) == 0 && !add_hex(claim, text + 3, size - 3))
            return false;
        if (size > 2 && strncmp(text, "t=", 2) == 0 &&
            (claim->timestamp[0] != '\0' ||
             !text_copy_bytes(claim->timestamp, sizeof claim->timestamp, text + 2, size - 2)))
            return false;
        text += size + (text[size] == ',');
    }
    return claim->count > 0 && claim->timestamp[0] != '\0';
}

/* "v1,g0hM9SsE... v1a,hnO3f9T8..."; what is not of version 1 is signed in another way. */
static bool read_standard(const char *text, struct claim *claim)
{
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (size > 3 && strncmp(text, "v1,", 3) == 0 && !add_base64(claim, text + 3, size - 3))
            return false;
        text += size + (text[size] == ' ');
    }
    return claim->count > 0;
}

static bool read_claim(const struct hook_scheme *scheme, const struct hook_headers *headers, struct claim *claim)
{
    size_t prefix = strlen(scheme->prefix);
    *claim = (struct claim){ .count = 0 };
    if (scheme->timestamp != NULL && !text_copy(claim->timestamp, sizeof claim->timestamp, headers->timestamp))
        return false;
    switch (scheme->proof) {
    case HOOK_PROOF_HEX:
        return strncmp(headers->signature, scheme->prefix, prefix) == 0 &&
               add_hex(claim, headers->signature + prefix, strlen(headers->signature) - prefix);
    case HOOK_PROOF_STRIPE:
        return read_stripe(headers->signature, claim);
    case HOOK_PROOF_STANDARD:
        return read_standard(headers->signature, claim);
    default:
        return true;
    }
}

static bool is_near(const struct claim *claim, uint64_t now_unix_s)
{
    uint64_t at = 0;
    if (!text_u64(claim->timestamp, INT64_MAX, &at))
        return false;
    return at > now_unix_s ? at - now_unix_s <= HOOK_WINDOW_S : now_unix_s - at <= HOOK_WINDOW_S;
}

/* What is signed, in pieces: the template's own text and what stands for its names, then the body. */
static unsigned spell(const struct hook_scheme *scheme, const struct hook_headers *headers, const struct claim *claim,
                      const void *body, size_t size, struct hash_piece pieces[PIECES_MAX])
{
    unsigned count = 0;
    for (const char *at = scheme->before; *at != '\0' && count + 2 < PIECES_MAX;) {
        size_t plain = strcspn(at, "{");
        if (plain > 0)
            pieces[count++] = (struct hash_piece){ at, plain };
        at += plain;
        const char *value = strncmp(at, "{t}", 3) == 0 ? claim->timestamp : headers->delivery;
        if (*at == '{') {
            pieces[count++] = (struct hash_piece){ value, strlen(value) };
            at += strcspn(at, "}") + 1;
        }
    }
    pieces[count++] = (struct hash_piece){ body, size };
    return count;
}

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
                                 const struct claim *claim, const struct hash_piece *pieces, unsigned piece_count)
{
    uint8_t key[HOOK_SECRET_MAX_BYTES], digest[HASH_BYTES];
    bool is_genuine = false;
    int done = 0;
    for (unsigned i = 0; i < count && done == 0; i++) {
        size_t size = key_of(scheme, &secrets[i], key);
        if (size == 0)
            continue;
        done = hash_hmac_sha256(key, size, pieces, piece_count, digest);
        for (unsigned k = 0; k < claim->count && done == 0; k++)
            is_genuine |= hash_equal(digest, claim->digests[k]);
    }
    explicit_bzero(key, sizeof key);
    if (done < 0)
        return HOOK_NO_MEMORY;
    return is_genuine ? HOOK_GENUINE : HOOK_FORGED;
}

enum hook_verdict hook_verify(const struct hook_scheme *scheme, const struct hook_secret *secrets, unsigned count,
                              const struct hook_headers *headers, const void *body, size_t size, uint64_t now_unix_s)
{
    struct claim claim;
    struct hash_piece pieces[PIECES_MAX];
    bool needs_delivery = strstr(scheme->before, "{id}") != NULL;
    if (headers->signature == NULL || headers->signature[0] == '\0' ||
        (scheme->timestamp != NULL && headers->timestamp == NULL) ||
        (needs_delivery && (headers->delivery == NULL || headers->delivery[0] == '\0')))
        return HOOK_UNSIGNED;
    if (scheme->proof == HOOK_PROOF_TOKEN)
        return has_token(secrets, count, headers->signature) ? HOOK_GENUINE : HOOK_FORGED;
    if (!read_claim(scheme, headers, &claim))
        return HOOK_MALFORMED;
    if (claim.timestamp[0] != '\0' && !is_near(&claim, now_unix_s))
        return HOOK_STALE;
    unsigned piece_count = spell(scheme, headers, &claim, body, size, pieces);
    return compare(scheme, secrets, count, &claim, pieces, piece_count);
}
