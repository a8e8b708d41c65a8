/* The value of an Authorization header: a bearer token (RFC 6750), or a name and a token (RFC 7617). Pure, over untrusted text. */
#pragma once

#include <stdbool.h>

#include "sallyport/limits.h"
#include "sallyport/proto/requests.h"

/*
 * Fills in kind and secret of the evidence. False, and neither is touched, for any other scheme and for what is not
 * well-formed.
 *
 *   room  where "NAME:TOKEN" is put together, which must live as long as the evidence; a bearer token points into value
 */
bool authorization_parse(const char *value, uint8_t room[SECRET_MAX_BYTES], struct evidence *evidence);
