/*
 * Evidence to identity, identity to rights. No memory between calls: each request shows its evidence again, and a rule
 * that was withdrawn holds for the next one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"
#include "sallyport/proto/messages.h"
#include "sallyport/proto/metrics.h"

/*
 * Who showed this, or NULL: unknown and expired look the same to whoever asks. Takes the same time for every token.
 *
 *   connection_fd   for EVIDENCE_PEER: the accepted unix connection, else -1
 */
const struct caller *authorize(const struct rules *rules, const struct evidence *evidence, int connection_fd,
                               uint64_t now_unix_ms);

/*
 * Why authorize() knew nobody: for our own numbers and the audit trail, never for whoever asked.
 *
 *   ret_known   whose secret it was all the same, or NULL
 */
enum auth_failure authorize_failure(const struct rules *rules, const struct evidence *evidence, uint64_t now_unix_ms,
                                    const struct caller **ret_known);

/* The token that was shown, and the name with EVIDENCE_BASIC; views into the evidence. False when there is none. */
bool evidence_secret(const struct evidence *evidence, struct span *ret_name, struct span *ret_secret);

/* Whether a token is taken from there: an address as evidence has it, which is the front's word. */
bool caller_may_come_from(const struct caller *who, const char *address);

/*
 * The uid at the other end of a unix stream socket that is bound to a path and not listening: a listening socket or one
 * end of our own pairs would show the uid of whoever made it, which is root.
 */
bool connection_uid(int fd, uint32_t *ret_uid);

/* Whether this is the hash of one of its secrets; takes the same time for each of them. */
bool caller_has_secret(const struct caller *who, const uint8_t digest[HASH_BYTES]);

/* How the identity is known, as records name it: enum evidence_kind. */
uint8_t caller_via(const struct caller *who);

bool may_run(const struct caller *who, const char *command);
bool may_see(const struct caller *who, const char *command); /* that the command exists */
bool may_read_all(const struct caller *who);
bool may_read_own(const struct caller *who);
bool may_read(const struct caller *who, const char *actor, uint8_t via);
bool may_administer(const struct caller *who);
bool may_change_functions(const struct caller *who);                     /* those of go-serverless, and their routes */
bool may_know(const struct caller *who, const char *actor, uint8_t via); /* the name of a job: its own, or readable */
bool may_pause(const struct caller *who);
bool may_see_argv(const struct caller *who); /* which shows paths of the host */
bool may_cancel(const struct caller *who, const char *actor, uint8_t via);
bool may_feed(const struct caller *who, const char *command, const char *actor,
              uint8_t via); /* a job's stream of input */
bool may_read_metrics(const struct caller *who);

/* "run:deploy-* read:own", as configured; what does not fit is left out. */
void caller_scopes_text(const struct caller *who, char *to, size_t room);
