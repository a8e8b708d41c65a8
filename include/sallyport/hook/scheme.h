/*
 * How a provider proves that a delivery is its own: which headers it sends, and what it signs with the secret. One table for all
 * of them; what is configured by hand is a row of the same kind. Plain data, which crosses processes as it is: the front looks
 * at the form of what came, the keeper alone has the secrets (verify.h).
 *
 * Sources: the providers' own documents on webhooks (GitHub, GitLab, Gitea, Bitbucket, Slack, Stripe), and the Standard
 * Webhooks specification, which GitLab's signing tokens follow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/limits.h"

#define HOOK_FIELD_BYTES     65 /* a header's name */
#define HOOK_TEXT_BYTES      33 /* a prefix, or what is signed before the body */
#define HOOK_SIGNATURE_BYTES 1024
#define HOOK_TIME_BYTES      24
#define HOOK_DELIVERY_BYTES  129 /* a provider's name for a delivery */
#define HOOK_SIGNATURES_MAX  8   /* of one delivery: a provider that replaces its secret sends two */
#define HOOK_DIGEST_MAX      64
#define HOOK_GENERIC         "generic" /* the preset that has nothing of its own */

enum hook_proof {
    HOOK_PROOF_TOKEN,    /* the secret itself */
    HOOK_PROOF_DIGEST,   /* PREFIX and the digest, in hexadecimal or base64 */
    HOOK_PROOF_STRIPE,   /* "t=TIMESTAMP,v1=HEX,v1=HEX" in one header */
    HOOK_PROOF_STANDARD, /* "v1,BASE64 v1,BASE64"; the secret is base64 behind "whsec_" */
    HOOK_PROOF_COUNT
};

/* A text that is not there is "". */
struct hook_scheme {
    char preset[NAME_MAX_BYTES];
    uint8_t proof; /* enum hook_proof */
    bool is_sha512, is_base64;
    char signature[HOOK_FIELD_BYTES]; /* the header that has the proof */
    char prefix[HOOK_TEXT_BYTES];     /* of HOOK_PROOF_DIGEST */
    char timestamp[HOOK_FIELD_BYTES]; /* the header that has it, unless it is in the proof */
    char delivery[HOOK_FIELD_BYTES];  /* the header that names the delivery */
    char before
        [HOOK_TEXT_BYTES]; /* signed is this, with {t} for the timestamp and {id} for the delivery, then the body */
    bool is_time_new;      /* the same body signed at another time is another delivery, and no retry */
    bool wants_text;       /* what is answered is shown to people */
    char event[HOOK_FIELD_BYTES]; /* the header that names the event */
    char ping[HOOK_TEXT_BYTES];   /* the event that only asks whether somebody is there */
};

/* Row `index` of the presets; NULL behind the last. The last is HOOK_GENERIC. */
const struct hook_scheme *hook_scheme_at(unsigned index);

/* One of the presets but HOOK_GENERIC, always the same for a number. */
const struct hook_scheme *hook_scheme_drawn(uint64_t number);

/* NULL: no preset of this name. */
const struct hook_scheme *hook_scheme_find(const char *preset);

/* What is signed before the body, as configurations have it: "{t}.{body}". NULL, or what is wrong; ret_before has the rest. */
const char *hook_template_fault(const char *text, char ret_before[HOOK_TEXT_BYTES]);

/* The headers of one delivery that its scheme names, as they came; NULL where there is none. */
struct hook_headers {
    const char *signature, *timestamp, *delivery;
};

/* What a delivery claims: signatures of the body, made at a time. */
struct hook_claim {
    uint8_t digests[HOOK_SIGNATURES_MAX][HOOK_DIGEST_MAX];
    unsigned count;
    char timestamp[HOOK_TIME_BYTES]; /* "": none */
};

enum hook_verdict {
    HOOK_GENUINE,
    HOOK_UNSIGNED,  /* a header is missing */
    HOOK_MALFORMED, /* or is none of this scheme's */
    HOOK_STALE,     /* genuine or not: its time is not ours */
    HOOK_FORGED,
    HOOK_NO_MEMORY,
};

static inline size_t hook_digest_bytes(const struct hook_scheme *scheme)
{
    return scheme->is_sha512 ? 64 : 32;
}

/* Whether signature and time have their form: HOOK_GENUINE (nothing is known beyond that), _UNSIGNED or _MALFORMED. */
enum hook_verdict hook_claim_read(const struct hook_scheme *scheme, const struct hook_headers *headers,
                                  struct hook_claim *ret_claim);
