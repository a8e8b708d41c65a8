/*
 * Headers that prove a delivery: what has no form is never genuine, nobody signs by chance, and what is signed here is taken. An
 * input is a byte that says the preset, three lines (signature, time, name of the delivery; empty: none), then the body.
 */
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/hook/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret_text[] = "whsec_dHdlbnR5LWZvdXIgYnl0ZXMgb2Yga2V5";

static char *take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t length = end != NULL ? (size_t)(end - *data) : 0;
    if (length == 0 || memchr(*data, '\0', length) != NULL) {
        *size -= length + (end != NULL);
        *data += length + (end != NULL);
        return NULL;
    }
    char *line = strndup((const char *)*data, length);
    *data += length + 1;
    *size -= length + 1;
    return line;
}

static void check_own(const struct hook_scheme *scheme, const struct hook_headers *headers, const void *body,
                      size_t size)
{
    const struct hook_secret secret = { (const uint8_t *)secret_text, sizeof secret_text - 1 };
    char signature[HOOK_SIGNATURE_BYTES];
    const char *delivery = headers->delivery != NULL ? headers->delivery : "";
    if (!hook_sign(scheme, &secret, "1700000000", delivery, body, size, signature))
        abort();
    struct hook_headers own = { signature, "1700000000", headers->delivery };
    struct hook_claim claim;
    if (hook_claim_read(scheme, &own, &claim) == HOOK_GENUINE &&
        hook_verify(scheme, &secret, 1, &own, body, size, 1700000000) != HOOK_GENUINE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct hook_secret secret = { (const uint8_t *)secret_text, sizeof secret_text - 1 };
    uint8_t identity[HASH_BYTES];
    struct hook_claim claim;
    if (size == 0)
        return 0;
    const struct hook_scheme *scheme = hook_scheme_at(data[0] % 8);
    data++;
    size--;
    char *signature = take_line(&data, &size), *timestamp = take_line(&data, &size),
         *delivery = take_line(&data, &size);
    struct hook_headers headers = { signature, timestamp, delivery };
    enum hook_verdict form = hook_claim_read(scheme, &headers, &claim);
    uint64_t at = 0, now = text_u64(claim.timestamp, INT64_MAX, &at) ? at : 0;
    enum hook_verdict verdict = hook_verify(scheme, &secret, 1, &headers, data, size, now);
    bool is_token = signature != NULL && strcmp(signature, secret_text) == 0;
    if (claim.count > HOOK_SIGNATURES_MAX ||
        (form == HOOK_GENUINE) != (verdict == HOOK_GENUINE || verdict == HOOK_FORGED) ||
        (verdict == HOOK_GENUINE && !(scheme->proof == HOOK_PROOF_TOKEN && is_token)))
        abort();
    hook_identity(scheme, &headers, data, size, identity);
    check_own(scheme, &headers, data, size);
    free(signature);
    free(timestamp);
    free(delivery);
    return 0;
}
