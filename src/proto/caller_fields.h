/* The fields of what front and keeper say about callers; a part of messages.c, which alone takes it. */
#pragma once

#include "sallyport/proto/settings.h"

static const struct field list_callers_fields[] = {
    EVIDENCE(struct msg_list_callers),
    U32(struct msg_list_callers, from, TOKEN_COUNT_MAX),
};

static const struct field caller_fields[] = {
    TEXT(struct msg_caller, name),           U8(struct msg_caller, kind, IDENTITY_LISTENER),
    U32(struct msg_caller, uid, UINT32_MAX), U32(struct msg_caller, secret_count, TOKEN_SECRETS_MAX),
    TEXT(struct msg_caller, scopes),         U64(struct msg_caller, expires_unix_ms),
    U64(struct msg_caller, used_unix_ms),    BOOL(struct msg_caller, is_narrowed),
};
