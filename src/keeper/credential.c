#include "credential.h"

#include <string.h>

#include "authorize.h"
#include "rules.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/requests.h"

struct credential credential_of(const struct caller *who, const struct evidence *evidence)
{
    struct credential credential = { .via = caller_via(who), .uid = who->uid, .expires_unix_ms = who->expires_unix_ms };
    text_copy(credential.actor, sizeof credential.actor, who->name);
    text_copy(credential.address, sizeof credential.address, evidence->address);
    struct span name, secret;
    if (who->kind == IDENTITY_TOKEN && evidence_secret(evidence, &name, &secret))
        hash_sha256(secret.data, secret.size, credential.token_sha256);
    else if (who->kind == IDENTITY_USER && evidence->kind == EVIDENCE_SESSION)
        hash_sha256(evidence->secret.data, evidence->secret.size, credential.token_sha256);
    else if (who->kind == IDENTITY_CERTIFICATE || who->kind == IDENTITY_LISTENER)
        memcpy(credential.token_sha256, who->token_sha256[0], HASH_BYTES);
    return credential;
}

static bool still_has(const struct caller *who, const struct credential *credential)
{
    if (who->kind == IDENTITY_USER)
        return false; /* its session says */
    if (who->kind == IDENTITY_PEER)
        return who->uid == credential->uid;
    return caller_has_secret(who, credential->token_sha256) && caller_may_come_from(who, credential->address);
}

const struct caller *credential_owner(const struct rules *rules, const struct credential *credential,
                                      uint64_t now_unix_ms)
{
    for (uint32_t i = 0; i < rules->caller_count; i++) {
        const struct caller *who = &rules->callers[i];
        bool is_same = caller_via(who) == credential->via && strcmp(who->name, credential->actor) == 0 &&
                       still_has(who, credential);
        bool is_over = who->expires_unix_ms != 0 && who->expires_unix_ms <= now_unix_ms;
        if (is_same && !is_over)
            return who;
    }
    return NULL;
}

bool credential_has_expired(const struct credential *credential, uint64_t now_unix_ms)
{
    return credential->expires_unix_ms != 0 && credential->expires_unix_ms <= now_unix_ms;
}
