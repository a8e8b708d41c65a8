/* Standard Webhooks: what a receiver knows us by. The key never leaves the keeper. */
#pragma once

#include <stdint.h>

#include "sallyport/base/record.h"

struct error;

#define SIGNATURE_BYTES 64 /* "v1," and the base64 of 32 bytes, with the NUL */

/* Over "ID.TIMESTAMP.BODY". */
int signature_make(struct span key, const char *id, uint64_t timestamp_s, struct span body,
                   char ret_signature[SIGNATURE_BYTES], struct error *err);
