/* Whether a delivery is genuine: signatures of schemes (scheme.h) over the body's bytes as they came. The keeper's, and the CLI's. */
#pragma once

#include "sallyport/base/hash.h"
#include "sallyport/hook/scheme.h"

#define HOOK_SECRETS_MAX            2   /* the newest, and the one before it while it is replaced */
#define HOOK_SECRET_MAX_BYTES       256 /* as it was given */
#define HOOK_SECRET_MIN_BYTES       16
#define HOOK_STANDARD_KEY_MIN_BYTES 24  /* Standard Webhooks: 192 bits */
#define HOOK_WINDOW_S               300 /* how far a timestamp may lie from our clock, either way */

struct hook_secret {
    const uint8_t *data;
    size_t size;
};

/* NULL, or what is wrong with a secret as it was given. */
const char *hook_secret_fault(const struct hook_scheme *scheme, const char *text);

/*
 * Whether the body, whose bytes are all there, came from somebody who has one of the secrets. A secret that is empty proves
 * nothing, whatever is signed with it. Takes the same time wherever a wrong signature differs, and reads the whole body
 * whatever is wrong, unless its headers have no form at all.
 */
enum hook_verdict hook_verify(const struct hook_scheme *scheme, const struct hook_secret *secrets, unsigned count,
                              const struct hook_headers *headers, const void *body, size_t size, uint64_t now_unix_s);

/* What makes two deliveries one: the body's digest, and of what was signed with it that which a retry does not change. */
void hook_identity(const struct hook_scheme *scheme, const struct hook_headers *headers, const void *body, size_t size,
                   uint8_t ret_identity[HASH_BYTES]);

/* The signature header of a delivery that is made here. False: the key is none, or memory is short. */
bool hook_sign(const struct hook_scheme *scheme, const struct hook_secret *secret, const char *timestamp,
               const char *delivery, const void *body, size_t size, char ret_signature[HOOK_SIGNATURE_BYTES]);
