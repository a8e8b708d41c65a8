#include "authorize.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

bool caller_has_secret(const struct caller *who, const uint8_t digest[HASH_BYTES])
{
    bool has = false;
    for (uint32_t i = 0; i < who->secret_count; i++)
        has |= hash_equal(who->token_sha256[i], digest);
    return has;
}

bool evidence_secret(const struct evidence *evidence, struct span *ret_name, struct span *ret_secret)
{
    struct span secret = evidence->secret;
    *ret_name = (struct span){ 0 };
    *ret_secret = secret;
    if (secret.size == 0 || evidence->kind == EVIDENCE_BEARER)
        return secret.size > 0;
    const uint8_t *colon = evidence->kind == EVIDENCE_BASIC ? memchr(secret.data, ':', secret.size) : NULL;
    if (colon == NULL)
        return false;
    *ret_name = (struct span){ secret.data, (uint32_t)(colon - secret.data) };
    *ret_secret = (struct span){ colon + 1, secret.size - ret_name->size - 1 };
    return ret_secret->size > 0;
}

/* Every caller is compared, also behind a hit: the time tells nothing. */
static const struct caller *find_by_hash(const struct rules *rules, enum identity_kind kind, struct span secret)
{
    const struct caller *found = NULL;
    uint8_t digest[HASH_BYTES];
    hash_sha256(secret.data, secret.size, digest);
    for (uint32_t i = 0; i < rules->caller_count; i++) {
        const struct caller *who = &rules->callers[i];
        bool has = caller_has_secret(who, digest);
        if (has && who->kind == kind)
            found = who;
    }
    return found;
}

static const struct caller *find_token(const struct rules *rules, const struct evidence *evidence)
{
    struct span name, secret;
    if (evidence->secret.size > SECRET_MAX_BYTES || !evidence_secret(evidence, &name, &secret))
        return NULL;
    const struct caller *found = find_by_hash(rules, IDENTITY_TOKEN, secret);
    if (found != NULL && evidence->kind == EVIDENCE_BASIC && !span_is(name, found->name))
        return NULL;
    return found;
}

/* The names of one certificate, each a line. One that names two callers is neither of them. */
static const struct caller *find_certificate(const struct rules *rules, struct span claims)
{
    const struct caller *found = NULL;
    for (unsigned count = 0; claims.size > 0; count++) {
        const uint8_t *end = memchr(claims.data, '\n', claims.size);
        struct span claim = { claims.data, end != NULL ? (uint32_t)(end - claims.data) : claims.size };
        const struct caller *who = find_by_hash(rules, IDENTITY_CERTIFICATE, claim);
        if (count >= CLAIM_COUNT_MAX || (who != NULL && found != NULL && who != found))
            return NULL;
        found = who != NULL ? who : found;
        uint32_t taken = claim.size + (end != NULL);
        claims = (struct span){ claims.data + taken, claims.size - taken };
    }
    return found;
}

bool caller_may_come_from(const struct caller *who, const char *address)
{
    struct ip ip;
    if (who->from_count == 0)
        return true;
    if (!ip_of_address(address, &ip))
        return false;
    for (unsigned i = 0; i < who->from_count; i++)
        if (network_has(&who->from[i], &ip))
            return true;
    return false;
}

static int socket_number(int fd, int option)
{
    int number = -1;
    socklen_t size = sizeof number;
    return getsockopt(fd, SOL_SOCKET, option, &number, &size) == 0 ? number : -1;
}

bool connection_uid(int fd, uint32_t *ret_uid)
{
    struct sockaddr_un name = { 0 };
    socklen_t size = sizeof name;
    struct ucred peer;
    socklen_t peer_size = sizeof peer;
    if (socket_number(fd, SO_DOMAIN) != AF_UNIX || socket_number(fd, SO_TYPE) != SOCK_STREAM ||
        socket_number(fd, SO_ACCEPTCONN) != 0)
        return false;
    /* Accepted connections carry their listener's path; pairs and abstract sockets have none. */
    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0 || size <= offsetof(struct sockaddr_un, sun_path) ||
        name.sun_path[0] == '\0')
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) < 0 || peer.pid <= 0 || peer.uid == (uid_t)-1)
        return false;
    *ret_uid = peer.uid;
    return true;
}

static const struct caller *find_peer(const struct rules *rules, int connection_fd)
{
    uint32_t uid;
    if (connection_fd < 0 || !connection_uid(connection_fd, &uid))
        return NULL;
    for (uint32_t i = 0; i < rules->caller_count; i++)
        if (rules->callers[i].kind == IDENTITY_PEER && rules->callers[i].uid == uid)
            return &rules->callers[i];
    return NULL;
}

static bool is_over(const struct caller *who, uint64_t now_unix_ms)
{
    return who->expires_unix_ms != 0 && who->expires_unix_ms <= now_unix_ms;
}

const struct caller *authorize(const struct rules *rules, const struct evidence *evidence, int connection_fd,
                               uint64_t now_unix_ms)
{
    const struct caller *who;
    if (evidence->kind == EVIDENCE_PEER)
        who = find_peer(rules, connection_fd);
    else if (evidence->kind == EVIDENCE_CERTIFICATE)
        who = find_certificate(rules, evidence->secret);
    else if (evidence->kind == EVIDENCE_LISTENER)
        who = find_by_hash(rules, IDENTITY_LISTENER, evidence->secret);
    else
        who = find_token(rules, evidence);
    if (who == NULL || is_over(who, now_unix_ms) || !caller_may_come_from(who, evidence->address))
        return NULL;
    return who;
}

enum auth_failure authorize_failure(const struct rules *rules, const struct evidence *evidence, uint64_t now_unix_ms,
                                    const struct caller **ret_known)
{
    *ret_known = NULL;
    if (evidence->kind == EVIDENCE_PEER)
        return AUTH_PEER_UNKNOWN;
    if (evidence->kind == EVIDENCE_CERTIFICATE)
        return AUTH_CERTIFICATE_UNKNOWN;
    if (evidence->kind == EVIDENCE_SESSION)
        return AUTH_SESSION_UNKNOWN;
    if (evidence->kind == EVIDENCE_NONE || evidence->kind == EVIDENCE_LISTENER || evidence->secret.size == 0)
        return AUTH_NONE_MISSING;
    *ret_known = find_token(rules, evidence);
    if (*ret_known == NULL)
        return AUTH_BEARER_UNKNOWN;
    return is_over(*ret_known, now_unix_ms) ? AUTH_BEARER_EXPIRED : AUTH_BEARER_ELSEWHERE;
}

uint8_t caller_via(const struct caller *who)
{
    static const uint8_t via[] = {
        [IDENTITY_TOKEN] = EVIDENCE_BEARER,
        [IDENTITY_PEER] = EVIDENCE_PEER,
        [IDENTITY_CERTIFICATE] = EVIDENCE_CERTIFICATE,
        [IDENTITY_USER] = EVIDENCE_SESSION,
        [IDENTITY_LISTENER] = EVIDENCE_LISTENER,
        [IDENTITY_SERVICE] = EVIDENCE_SERVICE,
        [IDENTITY_HOOK] = EVIDENCE_HOOK,
    };
    return via[who->kind];
}

static bool has_scope(const struct caller *who, enum scope_kind kind)
{
    for (uint32_t i = 0; i < who->scope_count; i++)
        if (who->scopes[i].kind == kind || who->scopes[i].kind == SCOPE_ADMIN)
            return true;
    return false;
}

static bool is_own(const struct caller *who, const char *actor, uint8_t via)
{
    return caller_via(who) == via && strcmp(who->name, actor) == 0;
}

bool may_run(const struct caller *who, const char *command)
{
    for (uint32_t i = 0; i < who->scope_count; i++) {
        const struct setting_scope *scope = &who->scopes[i];
        if (scope->kind == SCOPE_ADMIN || (scope->kind == SCOPE_RUN && text_glob(scope->glob, command)))
            return true;
    }
    return false;
}

bool may_see(const struct caller *who, const char *command)
{
    return may_run(who, command) || has_scope(who, SCOPE_READ_ALL);
}

bool may_read_all(const struct caller *who)
{
    return has_scope(who, SCOPE_READ_ALL);
}

bool may_read_own(const struct caller *who)
{
    return has_scope(who, SCOPE_READ_OWN) || has_scope(who, SCOPE_READ_ALL);
}

bool may_read(const struct caller *who, const char *actor, uint8_t via)
{
    return may_read_all(who) || (has_scope(who, SCOPE_READ_OWN) && is_own(who, actor, via));
}

bool may_know(const struct caller *who, const char *actor, uint8_t via)
{
    return is_own(who, actor, via) || may_read(who, actor, via);
}

bool may_pause(const struct caller *who)
{
    return has_scope(who, SCOPE_ADMIN);
}

bool may_see_argv(const struct caller *who)
{
    return has_scope(who, SCOPE_ADMIN);
}

bool may_cancel(const struct caller *who, const char *actor, uint8_t via)
{
    return has_scope(who, SCOPE_CANCEL_ALL) || (has_scope(who, SCOPE_CANCEL_OWN) && is_own(who, actor, via));
}

bool may_feed(const struct caller *who, const char *command, const char *actor, uint8_t via)
{
    return may_run(who, command) && (is_own(who, actor, via) || has_scope(who, SCOPE_ADMIN));
}

bool may_read_metrics(const struct caller *who)
{
    return has_scope(who, SCOPE_METRICS);
}

bool may_change_functions(const struct caller *who)
{
    return has_scope(who, SCOPE_FUNCTIONS);
}

bool may_administer(const struct caller *who)
{
    return has_scope(who, SCOPE_ADMIN);
}

static const char *const scope_texts[SCOPE_KIND_COUNT] = {
    [SCOPE_NONE] = "",
    [SCOPE_RUN] = "run:",
    [SCOPE_READ_OWN] = "read:own",
    [SCOPE_READ_ALL] = "read:all",
    [SCOPE_CANCEL_OWN] = "cancel:own",
    [SCOPE_CANCEL_ALL] = "cancel:all",
    [SCOPE_ADMIN] = "admin",
    [SCOPE_METRICS] = "metrics",
    [SCOPE_FUNCTIONS] = "admin:functions",
};

void caller_scopes_text(const struct caller *who, char *to, size_t room)
{
    size_t used = 0;
    to[0] = '\0';
    for (uint32_t i = 0; i < who->scope_count; i++) {
        char scope[NAME_MAX_BYTES + 16];
        int size = snprintf(scope, sizeof scope, "%s%s%s", used > 0 ? " " : "", scope_texts[who->scopes[i].kind],
                            who->scopes[i].glob);
        if (used + (size_t)size >= room)
            return;
        memcpy(to + used, scope, (size_t)size + 1);
        used += (size_t)size;
    }
}
