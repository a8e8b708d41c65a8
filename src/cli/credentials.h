/*
 * The caller's token: where it is kept, and who else could have read it.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/limits.h"

struct error;

struct credentials {
    char token[SECRET_MAX_BYTES + 1]; /* "" for none */
    char source[PATH_MAX_BYTES + 64]; /* for people: "token file '/x'", "SALLYPORT_TOKEN"; "" for none */
};

/*
 * The first of: token_file (from --token-file; may be NULL), the file that SALLYPORT_TOKEN_FILE names, SALLYPORT_TOKEN,
 * the file credentials in $XDG_CONFIG_HOME/sallyport (or ~/.config/sallyport). None at all is no error.
 *
 * A file must be ours and closed to others (0600 or less), else -EPERM with the command that mends it. It holds the
 * token in its first line; in `credentials` a line "URL TOKEN" is for the server `url` alone, a bare token for any other.
 */
int credentials_find(const char *token_file, const char *url, struct credentials *ret_credentials, struct error *err);

/* Picks the token for url from the text of a credentials file; false if none fits. For tests. */
bool credentials_pick(const char *text, const char *url, char token[SECRET_MAX_BYTES + 1]);
