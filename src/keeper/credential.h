/*
 * Who began something that goes on: remembered as names and hashes, never as a pointer into the rules, which a reload
 * replaces. Whoever goes on asks again whether they still may.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/hash.h"
#include "sallyport/limits.h"

struct caller;
struct evidence;
struct rules;

struct credential {
    char actor[NAME_MAX_BYTES];
    uint8_t via;
    char address[ADDRESS_MAX_BYTES];  /* from where */
    uint8_t token_sha256[HASH_BYTES]; /* EVIDENCE_SESSION: of its cookie */
    uint32_t uid;
    uint64_t expires_unix_ms; /* 0: never */
};

/* Of the caller that this evidence showed: of two live secrets the one that was shown. */
struct credential credential_of(const struct caller *who, const struct evidence *evidence);

/* The caller that it still stands for; NULL when it was withdrawn, changed, or has expired. Sessions: sessions_owner(). */
const struct caller *credential_owner(const struct rules *rules, const struct credential *credential,
                                      uint64_t now_unix_ms);

bool credential_has_expired(const struct credential *credential, uint64_t now_unix_ms);
