/*
 * The keeper's copy of the configuration: what may run (policy and matcher), who may do what (callers), and what runs by
 * the clock (schedules). A draft is read from two sealed files of the same generation, and replaces the old rules as a whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rule_hooks.h"
#include "rule_schedules.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/network.h"
#include "sallyport/base/password.h"
#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/settings.h"

struct error;

struct caller {
    char name[NAME_MAX_BYTES];
    enum identity_kind kind;
    uint8_t
        token_sha256[TOKEN_SECRETS_MAX]
                    [HASH_BYTES]; /* IDENTITY_TOKEN, so many; IDENTITY_CERTIFICATE, IDENTITY_LISTENER: of its claim */
    uint32_t secret_count;
    uint32_t uid;      /* IDENTITY_PEER */
    bool has_password; /* IDENTITY_USER, unless nobody can log in as that: */
    struct password_hash password;
    uint8_t password_sha256[HASH_BYTES]; /* of its line: another one ends sessions */
    uint64_t expires_unix_ms;            /* 0: never */
    struct network *from;                /* none: from anywhere */
    unsigned from_count;
    struct quota quota;
    uint64_t used_unix_ms; /* to the minute, since our start; 0: not yet (last_uses.h) */
    bool is_use_due;       /* the database does not say so yet */
    struct setting_scope *scopes;
    uint32_t scope_count;
    struct setting_pin *pins; /* their spans view the file */
    uint32_t pin_count;
};

struct rules {
    uint32_t generation; /* 0: none yet */
    struct policy *policy;
    struct matcher *matcher;
    struct setting_keeper settings;
    struct caller *callers;
    uint32_t caller_count;
    struct rule_schedules schedules;
    struct rule_hooks hooks;
    struct setting_callback *callbacks; /* their spans view the file */
    uint32_t callback_count;
    struct setting_notice *notices;
    uint32_t notice_count;
    struct setting_route *routes; /* of which the keeper wants no more than that there is one, and what ends with it */
    uint32_t route_count;
    struct setting_called *images; /* of go-serverless's functions, and the commands that they mean */
    uint32_t image_count;
    uint8_t *file; /* of the settings: secrets are in it */
    size_t file_bytes;
};

/* Each takes one sealed file into the draft; the descriptor stays the caller's. -EBADMSG for what does not fit. */
int rules_read_policy(struct rules *draft, int fd, uint32_t generation, struct error *err);
int rules_read_settings(struct rules *draft, int fd, uint32_t generation, struct error *err);

/* Whether both parts are there. */
bool rules_are_whole(const struct rules *draft);

/* A listed command, or the one by whose name callers put sequences together; NULL when there is none. */
const struct command *rules_find_command(const struct rules *rules, const char *name);
/* NULL for one that the configuration does not list. `via`: enum evidence_kind. */
const struct caller *rules_find_caller(const struct rules *rules, const char *name, uint8_t via);

/* What this caller may have; no limits for one that the configuration does not list. `via`: enum evidence_kind. */
struct quota rules_quota(const struct rules *rules, const char *name, uint8_t via);

/* NULL when there is none. */
const struct setting_callback *rules_find_callback(const struct rules *rules, const char *name);

/* Of a command that is a function; NULL for others. */
const struct setting_route *rules_find_route(const struct rules *rules, const char *command);

/* The command that is meant by an image, in its one spelling (base/image_name.h); NULL when it is not listed. */
const struct command *rules_find_image(const struct rules *rules, const char *image);

/* Takes NULL members. */
void rules_free(struct rules *rules);
