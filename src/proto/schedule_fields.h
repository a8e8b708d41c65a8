/* The fields of a schedule that is told; a part of messages.c, which alone takes it. */
#pragma once

static const struct field schedule_fields[] = {
    TEXT(struct msg_schedule, name),
    TEXT(struct msg_schedule, command),
    TEXT(struct msg_schedule, zone),
    U8(struct msg_schedule, form, SCHEDULE_FORM_COUNT - 1),
    TEXT(struct msg_schedule, text),
    U32(struct msg_schedule, jitter_ms, JITTER_MAX_MS),
    U8(struct msg_schedule, missed, MISSED_POLICY_COUNT - 1),
    BOOL(struct msg_schedule, is_enabled),
    BYTES(struct msg_schedule, params, PARAMS_MAX_BYTES),
    TEXT(struct msg_schedule, next),
    BOOL(struct msg_schedule, has_job),
    ID(struct msg_schedule, job_id),
    U8(struct msg_schedule, job_state, JOB_STATE_COUNT - 1),
};
