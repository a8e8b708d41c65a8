/* The sessions of users, as the database has them; store.h has the rest. */
#pragma once

#include <stdint.h>

#include "sallyport/base/hash.h"
#include "sallyport/limits.h"

struct error;
struct store;

struct session_row {
    uint8_t secret_sha256[HASH_BYTES];   /* of the cookie's value */
    char user[NAME_MAX_BYTES];           /* as records call it: "user:alice" */
    uint8_t password_sha256[HASH_BYTES]; /* of the line that stood in for the password at the login */
    uint64_t began_unix_ms, used_unix_ms;
};

/* A new one. Part of the open transaction, as are the next two. */
int store_session_set(struct store *store, const struct session_row *row, struct error *err);

/* When it was used; of one that is not there any more, nothing: what has ended does not come back by having been used. */
int store_session_use(struct store *store, const struct session_row *row, struct error *err);
int store_session_remove(struct store *store, const uint8_t secret_sha256[HASH_BYTES], struct error *err);

/* All, in no order. How many, at most so many; -EBADMSG when one is damaged. */
int store_sessions(struct store *store, struct session_row *ret_rows, uint32_t most, struct error *err);
