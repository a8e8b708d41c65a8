#include "sallyport/hook/scheme.h"

#include <string.h>

#include "sallyport/base/text.h"

static const struct hook_scheme schemes[] = {
    { .preset = "github",
      .proof = HOOK_PROOF_DIGEST,
      .signature = "X-Hub-Signature-256",
      .prefix = "sha256=",
      .delivery = "X-GitHub-Delivery",
      .event = "X-GitHub-Event",
      .ping = "ping" },
    { .preset = "gitlab-token",
      .proof = HOOK_PROOF_TOKEN,
      .signature = "X-Gitlab-Token",
      .delivery = "Idempotency-Key",
      .event = "X-Gitlab-Event" },
    { .preset = "gitlab-signing",
      .proof = HOOK_PROOF_STANDARD,
      .signature = "webhook-signature",
      .timestamp = "webhook-timestamp",
      .delivery = "webhook-id",
      .before = "{id}.{t}.",
      .event = "X-Gitlab-Event" },
    { .preset = "gitea",
      .proof = HOOK_PROOF_DIGEST,
      .signature = "X-Gitea-Signature",
      .delivery = "X-Gitea-Delivery",
      .event = "X-Gitea-Event",
      .ping = "ping" },
    { .preset = "bitbucket",
      .proof = HOOK_PROOF_DIGEST,
      .signature = "X-Hub-Signature",
      .prefix = "sha256=",
      .delivery = "X-Request-UUID",
      .event = "X-Event-Key",
      .ping = "diagnostics:ping" },
    { .preset = "slack",
      .proof = HOOK_PROOF_DIGEST,
      .signature = "X-Slack-Signature",
      .prefix = "v0=",
      .timestamp = "X-Slack-Request-Timestamp",
      .before = "v0:{t}:",
      .wants_text = true },
    { .preset = "stripe", .proof = HOOK_PROOF_STRIPE, .signature = "Stripe-Signature", .before = "{t}." },
    { .preset = "standard-webhooks",
      .proof = HOOK_PROOF_STANDARD,
      .signature = "webhook-signature",
      .timestamp = "webhook-timestamp",
      .delivery = "webhook-id",
      .before = "{id}.{t}." },
    { .preset = HOOK_GENERIC, .proof = HOOK_PROOF_DIGEST, .is_time_new = true },
};

const struct hook_scheme *hook_scheme_at(unsigned index)
{
    return index < sizeof schemes / sizeof schemes[0] ? &schemes[index] : NULL;
}

const struct hook_scheme *hook_scheme_drawn(uint64_t number)
{
    return &schemes[number % (sizeof schemes / sizeof schemes[0] - 1)];
}

const struct hook_scheme *hook_scheme_find(const char *preset)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strcmp(schemes[i].preset, preset) == 0)
            return &schemes[i];
    return NULL;
}

const char *hook_template_fault(const char *text, char ret_before[HOOK_TEXT_BYTES])
{
    static const char body[] = "{body}";
    size_t size = strlen(text), tail = sizeof body - 1;
    if (size < tail || strcmp(text + size - tail, body) != 0)
        return "must end with {body}";
    if (!text_copy_bytes(ret_before, HOOK_TEXT_BYTES, text, size - tail))
        return "is too long: at most 32 characters may stand before {body}";
    unsigned names = 0;
    for (const char *at = ret_before; *at != '\0'; at++) {
        if (strncmp(at, "{t}", 3) == 0)
            at += 2;
        else if (strncmp(at, "{id}", 4) == 0)
            at += 3;
        else if (*at == '{' || *at == '}')
            return "may have {t}, {id} and, at its end, {body}, and no other braces";
        else
            continue;
        if (++names > 2)
            return "has too many names in braces";
    }
    const char *id = strstr(ret_before, "{id}");
    if (id != NULL && (id[4] == '\0' || id[4] == '{'))
        return "needs a character behind {id}, such as {id}.{body}: or else nobody can tell where the name ends";
    return NULL;
}

/* The first character behind {id}, where the name ends; or '\0'. */
static char end_of_id(const struct hook_scheme *scheme)
{
    const char *id = strstr(scheme->before, "{id}");
    return id != NULL ? id[4] : '\0';
}

static bool add_hex(const struct hook_scheme *scheme, struct hook_claim *claim, const char *text, size_t size)
{
    char copy[2 * HOOK_DIGEST_MAX + 1];
    return claim->count < HOOK_SIGNATURES_MAX && text_copy_bytes(copy, sizeof copy, text, size) &&
           text_unhex(copy, hook_digest_bytes(scheme), claim->digests[claim->count++]);
}

static bool add_base64(const struct hook_scheme *scheme, struct hook_claim *claim, const char *text, size_t size)
{
    char copy[128];
    size_t decoded = 0;
    return claim->count < HOOK_SIGNATURES_MAX && text_copy_bytes(copy, sizeof copy, text, size) &&
           text_unbase64(copy, claim->digests[claim->count++], HOOK_DIGEST_MAX, &decoded) &&
           decoded == hook_digest_bytes(scheme);
}

/* "t=1492774577,v1=5257a8...,v0=6ffbb5..."; other versions are older ways, and no proof. */
static bool read_stripe(const struct hook_scheme *scheme, const char *text, struct hook_claim *claim)
{
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (size > 3 && strncmp(text, "v1=", 3) == 0 && !add_hex(scheme, claim, text + 3, size - 3))
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
static bool read_standard(const struct hook_scheme *scheme, const char *text, struct hook_claim *claim)
{
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (size > 3 && strncmp(text, "v1,", 3) == 0 && !add_base64(scheme, claim, text + 3, size - 3))
            return false;
        text += size + (text[size] == ' ');
    }
    return claim->count > 0;
}

static bool read_signature(const struct hook_scheme *scheme, const char *text, struct hook_claim *claim)
{
    size_t prefix = strlen(scheme->prefix), size = strlen(text);
    switch (scheme->proof) {
    case HOOK_PROOF_DIGEST:
        if (strncmp(text, scheme->prefix, prefix) != 0)
            return false;
        return scheme->is_base64 ? add_base64(scheme, claim, text + prefix, size - prefix)
                                 : add_hex(scheme, claim, text + prefix, size - prefix);
    case HOOK_PROOF_STRIPE:
        return read_stripe(scheme, text, claim);
    case HOOK_PROOF_STANDARD:
        return read_standard(scheme, text, claim);
    default:
        return true;
    }
}

/* What will be signed with the body, or kept: printable, and not too long. */
static bool is_name(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    return strlen(text) < HOOK_DELIVERY_BYTES;
}

enum hook_verdict hook_claim_read(const struct hook_scheme *scheme, const struct hook_headers *headers,
                                  struct hook_claim *ret_claim)
{
    uint64_t at;
    bool needs_delivery = strstr(scheme->before, "{id}") != NULL;
    *ret_claim = (struct hook_claim){ .count = 0 };
    if (headers->signature == NULL || headers->signature[0] == '\0' ||
        (scheme->timestamp[0] != '\0' && (headers->timestamp == NULL || headers->timestamp[0] == '\0')) ||
        (needs_delivery && (headers->delivery == NULL || headers->delivery[0] == '\0')))
        return HOOK_UNSIGNED;
    if (strlen(headers->signature) >= HOOK_SIGNATURE_BYTES ||
        (headers->delivery != NULL && !is_name(headers->delivery)) ||
        (needs_delivery && strchr(headers->delivery, end_of_id(scheme)) != NULL) ||
        (scheme->timestamp[0] != '\0' &&
         !text_copy(ret_claim->timestamp, sizeof ret_claim->timestamp, headers->timestamp)) ||
        !read_signature(scheme, headers->signature, ret_claim))
        return HOOK_MALFORMED;
    if (ret_claim->timestamp[0] != '\0' && !text_u64(ret_claim->timestamp, INT64_MAX, &at))
        return HOOK_MALFORMED;
    return HOOK_GENUINE;
}
