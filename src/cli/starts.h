/* The launcher's start record (proto/start_record.h), read in its order: the witness of an audit trail. */
#pragma once

#include <stdint.h>

#include "sallyport/proto/start_record.h"
#include "sallyport/store/store.h"

struct error;

struct starts {
    int fd;
    uint64_t bytes; /* of whole records; what comes behind is not looked at */
    uint64_t count; /* given so far */
    struct start_record last;
    uint8_t block[256 * START_RECORD_BYTES]; /* what was read ahead, from `block_at` on */
    uint64_t block_at, block_bytes;
};

/* For audit_verify_against(). The descriptor stays the caller's. */
struct audit_witness starts_witness(struct starts *starts);
