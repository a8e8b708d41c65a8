/*
 * Who is logged in. A session is a row in memory and one in the database, both with the hash of its cookie and nothing that could
 * be shown in its place. It lasts while the user is listed with the same password, came not too long ago, and logged in not too
 * long ago; all of this is asked of the rules that are in effect, so a change of them holds for sessions that are there.
 *
 * When it was last used is written down now and then, not for each request. So a keeper that was killed remembers a use that is
 * a little older: a session may end too early by that, never too late.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "credential.h"
#include "sallyport/store/sessions.h"

struct caller;
struct error;
struct evidence;
struct keeper;

#define SESSIONS_MAX       1024
#define SESSIONS_OF_A_USER 16 /* one login more ends the one that was used longest ago */

#define SESSIONS_LEAVING_MAX 32 /* more than logins can come out of their queue in a turn */

struct session {
    struct session_row row;
    uint64_t written_unix_ms; /* the last use that the database knows */
    bool is_leaving;          /* had to go for another one, which waits for its commit: until then it is there */
};

struct sessions {
    struct session list[SESSIONS_MAX + SESSIONS_LEAVING_MAX];
    uint32_t count;
};

/* What the database has. What ended while the keeper was away goes with the first tick. */
int sessions_load(struct keeper *keeper, struct error *err);

/* NULL when there is none. Compares with each, so that the time tells nothing. */
struct session *sessions_find(struct keeper *keeper, const uint8_t secret_sha256[HASH_BYTES]);

/* Whose session this evidence shows, or NULL. That is a use of it. */
const struct caller *sessions_authorize(struct keeper *keeper, const struct evidence *evidence);

/* The caller that a credential of any kind still stands for, as credential_owner(). */
const struct caller *sessions_owner(struct keeper *keeper, const struct credential *credential, uint64_t now_unix_ms);

/*
 * A new one, in memory and in the open transaction. Who has too many loses the one that was used longest ago: it leaves with
 * the commit. Whoever calls this drops the new one again when the transaction fails, and says in either case how it went.
 */
int sessions_begin(struct keeper *keeper, const struct session_row *row, struct error *err);

/* Those that had to leave are gone, or stay because nothing was stored. Whether any is gone. */
bool sessions_settle(struct keeper *keeper, bool is_stored);
void sessions_drop(struct keeper *keeper, const uint8_t secret_sha256[HASH_BYTES]);

/* The user's name was taken from the rules, or another password stands there: their sessions end. */
void sessions_check(struct keeper *keeper);

/* Once a second: ends what is over or whose user is gone, with the streams that hang on it, and writes down uses. */
void sessions_tick(struct keeper *keeper);

/* When it ends if nobody uses it, and when at the latest. */
uint64_t session_idle_until_ms(const struct keeper *keeper, const struct session *session);
uint64_t session_until_ms(const struct keeper *keeper, const struct session *session);

/* Streams that hang on sessions which are not there any more end. */
void sessions_end_streams(struct keeper *keeper);
