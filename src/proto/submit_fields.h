/* The fields of what the front asks to be run; a part of messages.c, which alone takes it. */
#pragma once

#include "sallyport/proto/requests.h"

static const struct field submit_fields[] = {
    EVIDENCE(struct msg_submit),
    BOOL(struct msg_submit, is_trial),
    TEXT(struct msg_submit, command),
    ID(struct msg_submit, rerun_of),
    BYTES(struct msg_submit, params, PARAMS_MAX_BYTES),
    BYTES(struct msg_submit, steps, PARAMS_MAX_BYTES),
    U32(struct msg_submit, parallel, STEP_COUNT_MAX),
    BYTES(struct msg_submit, labels, 4096),
    TEXT(struct msg_submit, reason),
    TEXT(struct msg_submit, idempotency_key),
    U32(struct msg_submit, timeout_ms, TIMEOUT_MAX_MS),
    BOOL(struct msg_submit, has_priority),
    U8(struct msg_submit, priority, PRIORITY_MAX),
    BOOL(struct msg_submit, has_stdin),
    BOOL(struct msg_submit, has_files),
    TEXT(struct msg_submit, callback),
    TEXT(struct msg_submit, callback_url),
    U8(struct msg_submit, callback_format, CALLBACK_FORMAT_COUNT - 1),
};
