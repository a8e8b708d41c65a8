/*
 * Bearer tokens: "sp_" and 43 characters of base64url, which are 32 random bytes. The configuration keeps the SHA-256 of
 * exactly this text, "sp_" included and no line end, as "sha256:" and 64 hex digits.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/hash.h"

struct error;

#define TOKEN_TEXT_BYTES      (3 + 43 + 1)
#define TOKEN_HASH_TEXT_BYTES (7 + HASH_TEXT_BYTES)

/* -errno only if the kernel gives no random bytes. */
int token_make(char token[TOKEN_TEXT_BYTES], struct error *err);

void token_hash(const char *token, char text[TOKEN_HASH_TEXT_BYTES]);

/* run:GLOB, read:own, read:all, cancel:own, cancel:all, metrics, admin, admin:functions. */
bool token_scope_is_sound(const char *scope);
