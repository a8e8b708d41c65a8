#include "identities.h"

#include <string.h>

#include "commands.h"
#include "dates.h"
#include "keys.h"
#include "line_files.h"
#include "listeners.h"
#include "predecessors.h"
#include "queue.h"
#include "reading.h"
#include "token_hashes.h"
#include "token_rules.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/password.h"
#include "sallyport/base/text.h"

static struct config_identity *latest(struct reading *reading)
{
    return &reading->config->identities[reading->config->identity_count - 1];
}

static const char *section(const struct config_identity *identity)
{
    static const char *const sections[] = { [IDENTITY_TOKEN] = "tokens",
                                            [IDENTITY_PEER] = "peers",
                                            [IDENTITY_CERTIFICATE] = "peers",
                                            [IDENTITY_USER] = "users",
                                            [IDENTITY_LISTENER] = "peers" };
    return sections[identity->setting.kind];
}

static void *identity_open(struct reading *reading, const char *name, enum identity_kind kind)
{
    struct config *config = reading->config;
    for (uint32_t i = 0; i < config->identity_count; i++)
        if ((config->identities[i].setting.kind == IDENTITY_USER) == (kind == IDENTITY_USER) &&
            strcmp(config->identities[i].setting.name, name) == 0)
            fault_at_key(reading, "the name is taken by %s.%s; records could not tell the two apart",
                         section(&config->identities[i]), name);
    struct config_identity *identity = grow(reading, &config->identities, config->identity_count, sizeof *identity);
    if (identity == NULL)
        return NULL;
    config->identity_count++;
    identity->setting.kind = (uint8_t)kind;
    text_copy(identity->setting.name, sizeof identity->setting.name, name);
    reading->identity = (struct identity_draft){ .uid = UINT64_MAX };
    return &reading->identity;
}

void *token_open(struct reading *reading, const char *name)
{
    return identity_open(reading, name, IDENTITY_TOKEN);
}

void *peer_open(struct reading *reading, const char *name)
{
    return identity_open(reading, name, IDENTITY_PEER);
}

void *user_open(struct reading *reading, const char *name)
{
    if (strlen(name) + strlen(USER_PREFIX) >= NAME_MAX_BYTES)
        fault_at_key(reading, "is too long for a user: records call it '" USER_PREFIX "' and the name");
    return identity_open(reading, name, IDENTITY_USER);
}

static bool read_scope(const char *text, struct setting_scope *ret_scope)
{
    static const struct {
        const char *text;
        enum scope_kind kind;
    } fixed[] = {
        { "read:own", SCOPE_READ_OWN },         { "read:all", SCOPE_READ_ALL }, { "cancel:own", SCOPE_CANCEL_OWN },
        { "cancel:all", SCOPE_CANCEL_ALL },     { "metrics", SCOPE_METRICS },   { "admin", SCOPE_ADMIN },
        { "admin:functions", SCOPE_FUNCTIONS },
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strcmp(text, fixed[i].text) == 0) {
            ret_scope->kind = (uint8_t)fixed[i].kind;
            return true;
        }
    ret_scope->kind = SCOPE_RUN;
    const char *glob = text + 4;
    return strncmp(text, "run:", 4) == 0 && glob[0] != '\0' &&
           glob[strspn(glob, "abcdefghijklmnopqrstuvwxyz0123456789-*")] == '\0' &&
           text_copy(ret_scope->glob, sizeof ret_scope->glob, glob);
}

static void take_scopes(struct reading *reading, struct config_identity *identity)
{
    const json_t *allow = reading->identity.allow;
    for (size_t i = 0; i < json_array_size(allow); i++) {
        const char *text = text_item(allow, i);
        struct setting_scope scope = { 0 };
        if (read_scope(text, &scope))
            identity->scopes[identity->scope_count++] = scope;
        else if (text[0] != '\0')
            fault_below(reading, "allow", (int)i,
                        "'%.80s' is no right; write run:COMMAND (or run:*), read:own, read:all, cancel:own, "
                        "cancel:all, metrics, admin:functions or admin",
                        text);
    }
}

static void take_expiry(struct reading *reading, struct config_identity *identity)
{
    const char *text = reading->identity.expires;
    if (text == NULL)
        return;
    if (!date_unix_ms(text, &identity->setting.expires_unix_ms))
        fault_below(reading, "expires", -1,
                    "'%.40s' is no time; write a date such as 2027-01-31, or 2027-01-31T18:00:00Z", text);
    else if (identity->setting.expires_unix_ms <= clock_unix_ms())
        warning_below(reading, "expires", -1, "%s has expired and is refused",
                      identity->setting.kind == IDENTITY_USER ? "the user" : "the token");
}

void token_close(struct reading *reading)
{
    struct config_identity *identity = latest(reading);
    token_hashes_take(reading, identity);
    token_hashes_check(reading, identity);
    take_scopes(reading, identity);
    token_rules_take(reading, identity);
    take_expiry(reading, identity);
    identity->setting.quota = quota_of(&reading->identity.quota);
}

/* Who asks for other costs than the rest answers in another time, which tells strangers that there is such a user. */
static void compare_costs(struct reading *reading, const struct password_hash *hash)
{
    for (uint32_t i = 0; i + 1 < reading->config->identity_count; i++) {
        const struct config_identity *other = &reading->config->identities[i];
        struct password_hash first;
        if (other->setting.kind != IDENTITY_USER || password_read(other->setting.password, &first) != NULL)
            continue;
        if (first.log_n != hash->log_n || first.p != hash->p)
            warning_below(reading, "password", -1,
                          "asks for other costs than that of user '%s': from the time of an answer strangers could "
                          "tell which users there are; make both with the same release of `sallyport user hash`",
                          other->setting.name);
        return;
    }
}

static void take_password(struct reading *reading, struct config_identity *identity)
{
    static const struct line_file file = { "password", "what `sallyport user hash` prints", true };
    const char *where = reading->identity.password;
    char line[LINE_TEXT_BYTES];
    struct password_hash hash;
    if (where == NULL) /* told already */
        return;
    if (strncmp(where, "file:", 5) != 0) {
        fault_below(reading, "password", -1,
                    "must be file:PATH of a file with the line that `sallyport user hash` prints; neither a password "
                    "nor what stands in for one is written down here");
        return;
    }
    if (!line_file_read(reading, &file, where + 5, line))
        return;
    const char *why = line[0] != '\0' ? password_read(line, &hash) : NULL;
    if (line[0] == '\0')
        warning_below(reading, "password", -1, "%s is empty: the user cannot log in", where + 5);
    else if (why != NULL)
        fault_below(reading, "password", -1, "%s %s", where + 5, why);
    else if (text_copy(identity->setting.password, sizeof identity->setting.password, line))
        compare_costs(reading, &hash);
    explicit_bzero(line, sizeof line);
}

void user_close(struct reading *reading)
{
    struct config_identity *identity = latest(reading);
    take_password(reading, identity);
    take_scopes(reading, identity);
    token_rules_take(reading, identity);
    take_expiry(reading, identity);
    identity->setting.quota = quota_of(&reading->identity.quota);
}

static bool is_claim(const char *text)
{
    static const char *const kinds[] = { "dns:", "email:", "uri:", "subject:" };
    bool is_known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        is_known |= strncmp(text, kinds[i], strlen(kinds[i])) == 0 && text[strlen(kinds[i])] != '\0';
    for (; *text != '\0'; text++)
        is_known &= *text >= ' ' && *text <= '~';
    return is_known;
}

static void take_claim(struct reading *reading, struct config_identity *identity, const char *claim)
{
    if (!is_claim(claim)) {
        fault_below(reading, "cert", -1,
                    "must be dns:NAME, email:ADDRESS or uri:URI of the certificate's subjectAltName, or "
                    "subject: and what `openssl x509 -noout -subject -nameopt RFC2253` prints");
        return;
    }
    identity->setting.kind = IDENTITY_CERTIFICATE;
    text_copy(identity->claim, sizeof identity->claim, claim);
    hash_sha256(claim, strlen(claim), identity->token_sha256[0]);
    identity->secret_count = 1;
    for (uint32_t i = 0; i + 1 < reading->config->identity_count; i++)
        if (reading->config->identities[i].setting.kind == IDENTITY_CERTIFICATE &&
            strcmp(reading->config->identities[i].claim, claim) == 0)
            fault_below(reading, "cert", -1, "is that of peer '%s' too; one name is one caller",
                        reading->config->identities[i].setting.name);
}

static void take_predecessor(struct reading *reading, struct config_identity *identity, const char *name)
{
    if (!predecessor_is_name(name))
        fault_below(reading, "predecessor", -1, "must be one of " PREDECESSOR_RULE ", not '%.40s'", name);
    identity->setting.kind = IDENTITY_LISTENER;
    text_copy(identity->claim, sizeof identity->claim, name);
    hash_sha256(name, strlen(name), identity->token_sha256[0]);
    identity->secret_count = 1;
    for (uint32_t i = 0; i + 1 < reading->config->identity_count; i++)
        if (reading->config->identities[i].setting.kind == IDENTITY_LISTENER &&
            strcmp(reading->config->identities[i].claim, name) == 0)
            fault_below(reading, "predecessor", -1,
                        "is that of peer '%s' too; who calls there without a token is one caller",
                        reading->config->identities[i].setting.name);
}

/* Who this is, only the front says, which reads what strangers send: that cannot make anybody an administrator. */
static void refuse_admin(struct reading *reading, const struct config_identity *identity)
{
    for (uint32_t i = 0; i < identity->scope_count; i++)
        if (identity->scopes[i].kind == SCOPE_ADMIN)
            fault_below(reading, "allow", (int)i,
                        "admin is not for who is known by a certificate or a listener; give a token, or 'uid'");
}

void peer_close(struct reading *reading)
{
    struct config_identity *identity = latest(reading);
    uint64_t uid = reading->identity.uid;
    const char *claim = reading->identity.claim, *predecessor = reading->identity.predecessor;
    take_scopes(reading, identity);
    identity->setting.quota = quota_of(&reading->identity.quota);
    if ((uid != UINT64_MAX) + (claim != NULL) + (predecessor != NULL) != 1)
        fault_at_key(reading,
                     "needs exactly one of 'uid' (who calls on a unix socket), 'cert' (who shows a certificate) "
                     "and 'predecessor' (who calls on its listener without a token)");
    else if (claim != NULL)
        take_claim(reading, identity, claim);
    else if (predecessor != NULL)
        take_predecessor(reading, identity, predecessor);
    if (uid == UINT64_MAX) {
        refuse_admin(reading, identity);
        return;
    }
    identity->setting.uid = (uint32_t)uid;
    for (uint32_t i = 0; i + 1 < reading->config->identity_count; i++) {
        const struct config_identity *other = &reading->config->identities[i];
        if (other->setting.kind == IDENTITY_PEER && other->setting.uid == uid)
            fault_below(reading, "uid", -1, "is that of peer '%s' too; one uid is one caller", other->setting.name);
    }
}

static bool is_any_command(const struct policy *policy, const char *glob)
{
    for (uint32_t i = 0; i < policy->command_count; i++)
        if (text_glob(glob, policy->commands[i].name))
            return true;
    return strchr(glob, '*') != NULL;
}

/* Whoever reaches it is this caller, so nobody but this host may. A unix socket tells who calls: that is for 'uid'. */
static void check_listener(struct reading *reading, const struct config_identity *identity)
{
    const struct config *config = reading->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        const char *name = predecessor_name(listener->predecessor);
        if (name == NULL || strcmp(name, identity->claim) != 0)
            continue;
        if (!listener_is_loopback(listener) || listener->is_tls)
            fault_below(
                reading, "predecessor", -1,
                "has its listener at %s, and nobody is asked for a token there; only a loopback address such as "
                "\"plain:127.0.0.1:9000\" will do",
                listener->address);
        return;
    }
    fault_below(reading, "predecessor", -1, "'%s' has no listener of its own ('predecessors.%s.listen')",
                identity->claim, identity->claim);
}

void identities_check(struct reading *reading)
{
    const struct config *config = reading->config;
    for (uint32_t i = 0; i < config->identity_count; i++) {
        const struct config_identity *identity = &config->identities[i];
        size_t length = enter_key(reading, section(identity));
        enter_key(reading, identity->setting.name);
        if (identity->setting.kind == IDENTITY_LISTENER)
            check_listener(reading, identity);
        if (identity->setting.kind == IDENTITY_CERTIFICATE &&
            (config->tls == NULL || config->tls->setting.client_ca.size == 0))
            warning_below(reading, "cert", -1, "nobody is asked for a certificate without 'server.tls.client_ca'");
        for (uint32_t j = 0; j < identity->scope_count; j++) {
            const struct setting_scope *scope = &identity->scopes[j];
            if (scope->kind != SCOPE_RUN || is_any_command(config->policy, scope->glob))
                continue;
            const char *nearest = command_nearest(config->policy, scope->glob);
            warning_below(reading, "allow", -1, "there is no command '%s'%s%s%s", scope->glob,
                          nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                          nearest != NULL ? "'?" : "");
        }
        token_rules_check(reading, identity);
        leave(reading, length);
    }
}
