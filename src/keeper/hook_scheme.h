/*
 * How a provider proves that a delivery is its own: which headers it sends, and what it signs with the secret. One table for all
 * of them; what is configured by hand is a row of the same kind. Signatures are those over the body's bytes as they came.
 *
 * Sources: the providers' own documents on webhooks (GitHub, GitLab, Gitea, Bitbucket, Slack, Stripe), and the Standard
 * Webhooks specification, which GitLab's signing tokens follow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOOK_SECRETS_MAX      2   /* the newest, and the one before it while it is replaced */
#define HOOK_SECRET_MAX_BYTES 256 /* as it was given */
#define HOOK_SIGNATURES_MAX   8   /* of one delivery: a provider that replaces its secret sends two */
#define HOOK_WINDOW_S         300 /* how far a timestamp may lie from our clock, either way */

enum hook_proof {
    HOOK_PROOF_TOKEN,    /* the secret itself */
    HOOK_PROOF_HEX,      /* PREFIX and the digest in hexadecimal */
    HOOK_PROOF_STRIPE,   /* "t=TIMESTAMP,v1=HEX,v1=HEX" in one header */
    HOOK_PROOF_STANDARD, /* "v1,BASE64 v1,BASE64"; the secret is base64 behind "whsec_" */
    HOOK_PROOF_COUNT
};

struct hook_scheme {
    const char *name;
    enum hook_proof proof;
    const char *signature; /* the header that has the proof */
    const char *prefix;    /* of HOOK_PROOF_HEX */
    const char *timestamp; /* the header that has it; NULL: none, or it is in the proof */
    const char *delivery;  /* the header that names the delivery; NULL: none */
    const char
        *before; /* what is signed: this, with "{t}" for the timestamp and "{id}" for the delivery, then the body */
};

/* NULL: no preset of this name. */
const struct hook_scheme *hook_scheme_find(const char *name);

/* The headers of one delivery that its scheme names, as they came; NULL where there is none. */
struct hook_headers {
    const char *signature, *timestamp, *delivery;
};

struct hook_secret {
    const uint8_t *data;
    size_t size;
};

enum hook_verdict {
    HOOK_GENUINE,
    HOOK_UNSIGNED,  /* a header is missing */
    HOOK_MALFORMED, /* or is none of this scheme's */
    HOOK_STALE,     /* genuine or not: its time is not ours */
    HOOK_FORGED,
    HOOK_NO_MEMORY,
};

/*
 * Whether the body, whose bytes are all there, came from somebody who has one of the secrets. A secret that is empty proves
 * nothing, whatever is signed with it. Takes the same time wherever a wrong signature differs.
 */
enum hook_verdict hook_verify(const struct hook_scheme *scheme, const struct hook_secret *secrets, unsigned count,
                              const struct hook_headers *headers, const void *body, size_t size, uint64_t now_unix_s);
