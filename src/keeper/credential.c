#include "credential.h"

#include <string.h>

#include "authorize.h"
#include "rules.h"
#include "sallyport/base/text.h"

struct credential credential_of(const struct caller *who)
{
    struct credential credential = { .via = caller_via(who), .uid = who->uid, .expires_unix_ms = who->expires_unix_ms };
    text_copy(credential.actor, sizeof credential.actor, who->name);
    memcpy(credential.token_sha256, who->token_sha256, HASH_BYTES);
    return credential;
}

const struct caller *credential_owner(const struct rules *rules, const struct credential *credential,
                                      uint64_t now_unix_ms)
{
    for (uint32_t i = 0; i < rules->caller_count; i++) {
        const struct caller *who = &rules->callers[i];
        bool is_same = caller_via(who) == credential->via && strcmp(who->name, credential->actor) == 0 &&
                       hash_equal(who->token_sha256, credential->token_sha256) && who->uid == credential->uid;
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
