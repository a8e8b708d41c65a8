#include "sallyport/proto/start_record.h"

static const struct field fields[] = {
    U64(struct start_record, unix_ms),
    ID(struct start_record, job_id),
    U32(struct start_record, command, UINT32_MAX),
    U32(struct start_record, generation, UINT32_MAX),
    U64(struct start_record, incarnation),
    BYTES(struct start_record, audit_head, START_RECORD_HEAD_BYTES),
};

const struct record_def start_record_def = RECORD("start", struct start_record, fields);
