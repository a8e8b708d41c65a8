/* The fields of logins and sessions; a part of messages.c, which alone takes it. */
#pragma once

#include "sallyport/base/password.h"

static const struct field login_fields[] = {
    EVIDENCE(struct msg_login),
    TEXT(struct msg_login, user),
    BYTES(struct msg_login, password, PASSWORD_MAX_BYTES),
};

static const struct field session_fields[] = {
    TEXT(struct msg_session, identity.actor),
    U8(struct msg_session, identity.via, EVIDENCE_COUNT - 1),
    TEXT(struct msg_session, identity.scopes),
    U64(struct msg_session, identity.expires_unix_ms),
    TEXT(struct msg_session, secret),
    U64(struct msg_session, began_unix_ms),
    U64(struct msg_session, idle_until_unix_ms),
    U64(struct msg_session, until_unix_ms),
};
