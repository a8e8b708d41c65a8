/*
 * What a submit asks for, as one number: two requests with the same idempotency key must ask for the same. The order in
 * which parameters were written does not count. Values of secrets do not either: a digest of them would help to guess them.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/hash.h"
#include "sallyport/proto/messages.h"

struct error;

/*
 *   params         the parameters without the values of secrets
 *   stdin_sha256   or NULL
 */
int request_digest(const struct msg_submit *submit, struct span params, const uint8_t *stdin_sha256,
                   uint8_t ret_digest[HASH_BYTES], struct error *err);
