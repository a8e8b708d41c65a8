/* Standard Webhooks: what a receiver knows us by. The key never leaves the keeper. */
#pragma once

#include <stdint.h>

#include "sallyport/base/record.h"
#include "sallyport/limits.h"

struct error;

#define SIGNATURE_BYTES                                                                                                \
    (CALLBACK_SECRETS_MAX * 48) /* of each key "v1,", the base64 of 32 bytes, and a blank or the NUL */

/* Over "ID.TIMESTAMP.BODY", with each of the keys; empty ones are passed over. */
int signature_make(const struct span keys[CALLBACK_SECRETS_MAX], const char *id, uint64_t timestamp_s, struct span body,
                   char ret_signature[SIGNATURE_BYTES], struct error *err);
