/* The tables of deliveries.h: a part of the page that messages.c is, and included by it alone. */
#pragma once

#include "sallyport/job/callback_event.h"
#include "sallyport/proto/deliveries.h"

static const struct field deliver_fields[] = {
    ID(struct msg_deliver, delivery_id),
    TEXT(struct msg_deliver, url),
    BYTES(struct msg_deliver, fields, CALLBACK_FIELDS_MAX_BYTES),
    BYTES(struct msg_deliver, allow_net, CALLBACK_NETWORKS_MAX *NETWORK_PACKED_BYTES),
    U32(struct msg_deliver, connect_timeout_ms, CALLBACK_TIMEOUT_MAX_MS),
    U32(struct msg_deliver, timeout_ms, CALLBACK_TIMEOUT_MAX_MS),
    BOOL(struct msg_deliver, allows_plain),
};

static const struct field delivered_fields[] = {
    ID(struct msg_delivered, delivery_id),
    U8(struct msg_delivered, outcome, OUTCOME_COUNT - 1),
    U32(struct msg_delivered, status, 999),
    BOOL(struct msg_delivered, has_retry_after),
    U32(struct msg_delivered, retry_after_s, RETRY_AFTER_MAX_S),
    U32(struct msg_delivered, duration_ms, UINT32_MAX),
    TEXT(struct msg_delivered, address),
    TEXT(struct msg_delivered, detail),
};

static const struct field list_callbacks_fields[] = {
    EVIDENCE(struct msg_list_callbacks),
    TEXT(struct msg_list_callbacks, target),
    U8(struct msg_list_callbacks, state, DELIVERY_STATE_COUNT - 1),
    ID(struct msg_list_callbacks, job_id),
    BOOL(struct msg_list_callbacks, has_before),
    ID(struct msg_list_callbacks, before),
    U32(struct msg_list_callbacks, limit, LIST_CALLBACKS_MAX),
};

static const struct field redeliver_fields[] = {
    EVIDENCE(struct msg_redeliver),
    ID(struct msg_redeliver, delivery_id),
};

static const struct field callback_fields[] = {
    ID(struct msg_callback, delivery_id),
    ID(struct msg_callback, job_id),
    TEXT(struct msg_callback, command),
    U8(struct msg_callback, event, CALLBACK_EVENT_COUNT - 1),
    TEXT(struct msg_callback, target),
    U8(struct msg_callback, state, DELIVERY_STATE_COUNT - 1),
    U32(struct msg_callback, attempts, UINT32_MAX),
    U64(struct msg_callback, created_unix_ms),
    U64(struct msg_callback, due_unix_ms),
    U64(struct msg_callback, ended_unix_ms),
    TEXT(struct msg_callback, detail),
};

static const struct field attempt_fields[] = {
    U32(struct msg_attempt, number, UINT32_MAX),        U64(struct msg_attempt, unix_ms),
    U8(struct msg_attempt, outcome, OUTCOME_COUNT - 1), U32(struct msg_attempt, status, 999),
    U32(struct msg_attempt, duration_ms, UINT32_MAX),   TEXT(struct msg_attempt, detail),
};
