/*
 * The launcher's start record: one entry of fixed size for each order that it accepted, appended before the order goes to
 * a slot. It is the launcher's own witness of the keeper's audit trail: each entry holds the trail's head of that moment,
 * so a trail that was rebuilt or cut afterwards does not fit any more. `sallyport audit verify` compares the two.
 *
 * The file is launcher/starts in the state directory. Its directory belongs to the bootstrap, and the launcher has a
 * descriptor that can only append. An unfinished entry at its end has lost the rest to a crash and means nothing: the
 * order that it was for never left.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"

#define START_RECORD_BYTES      76 /* encoded, always */
#define START_RECORD_HEAD_BYTES 32

struct start_record {
    uint64_t unix_ms;
    struct job_id job_id;
    uint32_t command, generation; /* as ordered: an index into that generation's policy */
    uint64_t incarnation;         /* of the launcher */
    struct span audit_head;       /* START_RECORD_HEAD_BYTES, or it is no record */
};

extern const struct record_def start_record_def;
