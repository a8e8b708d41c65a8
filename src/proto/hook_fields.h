/* The tables of hooks.h, and their rows: a part of the page that messages.c is, and included by it alone. */
#pragma once

#include "sallyport/proto/hooks.h"

static const struct field hook_fields[] = {
    EVIDENCE(struct msg_hook),        TEXT(struct msg_hook, hook),
    TEXT(struct msg_hook, signature), TEXT(struct msg_hook, timestamp),
    TEXT(struct msg_hook, delivery),  BYTES(struct msg_hook, unsigned_parts, HOOK_UNSIGNED_MAX_BYTES),
};

static const struct field hook_run_fields[] = {
    EVIDENCE(struct msg_hook_run),
    ID(struct msg_hook_run, ticket),
    U8(struct msg_hook_run, wish, HOOK_WISH_COUNT - 1),
    TEXT(struct msg_hook_run, event),
    TEXT(struct msg_hook_run, reason),
    BYTES(struct msg_hook_run, params, PARAMS_MAX_BYTES),
    U32(struct msg_hook_run, generation, UINT32_MAX),
};

static const struct field hook_answer_fields[] = {
    ID(struct msg_hook_answer, ticket),
    ID(struct msg_hook_answer, job_id),
};

static const struct field list_hook_deliveries_fields[] = {
    EVIDENCE(struct msg_list_hook_deliveries),
    TEXT(struct msg_list_hook_deliveries, hook),
    BOOL(struct msg_list_hook_deliveries, has_before),
    ID(struct msg_list_hook_deliveries, before),
    U32(struct msg_list_hook_deliveries, limit, LIST_HOOK_DELIVERIES_MAX),
};

static const struct field hook_delivery_fields[] = {
    ID(struct msg_hook_delivery, delivery_id),
    U8(struct msg_hook_delivery, fate, HOOK_FATE_COUNT - 1),
    TEXT(struct msg_hook_delivery, delivery),
    TEXT(struct msg_hook_delivery, event),
    TEXT(struct msg_hook_delivery, address),
    TEXT(struct msg_hook_delivery, detail),
    ID(struct msg_hook_delivery, job_id),
    U64(struct msg_hook_delivery, bytes),
    U64(struct msg_hook_delivery, created_unix_ms),
    U64(struct msg_hook_delivery, seen_unix_ms),
    U32(struct msg_hook_delivery, count, UINT32_MAX),
};

static const struct field hook_redeliver_fields[] = {
    EVIDENCE(struct msg_hook_redeliver),
    TEXT(struct msg_hook_redeliver, hook),
    ID(struct msg_hook_redeliver, delivery_id),
};

static const struct field hook_info_fields[] = {
    TEXT(struct msg_hook_info, hook),        TEXT(struct msg_hook_info, command),
    TEXT(struct msg_hook_info, preset),      U32(struct msg_hook_info, secret_count, 2),
    U64(struct msg_hook_info, last_unix_ms),
};

#define HOOK_MESSAGES                                                                                                  \
    [MSG_HOOK] = RECORD("hook", struct msg_hook, hook_fields),                                                         \
    [MSG_HOOK_RUN] = RECORD("hook-run", struct msg_hook_run, hook_run_fields),                                         \
    [MSG_HOOK_ANSWER] = RECORD("hook-answer", struct msg_hook_answer, hook_answer_fields),                             \
    [MSG_LIST_HOOKS] = RECORD("list-hooks", struct msg_whoami, whoami_fields),                                         \
    [MSG_HOOK_INFO] = RECORD("hook-info", struct msg_hook_info, hook_info_fields),                                     \
    [MSG_LIST_HOOK_DELIVERIES] =                                                                                       \
        RECORD("list-hook-deliveries", struct msg_list_hook_deliveries, list_hook_deliveries_fields),                  \
    [MSG_HOOK_DELIVERY] = RECORD("hook-delivery", struct msg_hook_delivery, hook_delivery_fields),                     \
    [MSG_HOOK_REDELIVER] = RECORD("hook-redeliver", struct msg_hook_redeliver, hook_redeliver_fields)
