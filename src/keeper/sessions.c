#include "sessions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define WRITE_USE_MS 60000

uint64_t session_idle_until_ms(const struct keeper *keeper, const struct session *session)
{
    return session->row.used_unix_ms + keeper->rules.settings.session_idle_ms;
}

uint64_t session_until_ms(const struct keeper *keeper, const struct session *session)
{
    return session->row.began_unix_ms + keeper->rules.settings.session_max_ms;
}

static bool is_over(const struct keeper *keeper, const struct session *session, uint64_t now_unix_ms)
{
    return session_idle_until_ms(keeper, session) <= now_unix_ms || session_until_ms(keeper, session) <= now_unix_ms;
}

/* As the rules have the user now; NULL when not at all, or with another password. */
static const struct caller *user_of(const struct keeper *keeper, const struct session_row *row)
{
    const struct caller *who = rules_find_caller(&keeper->rules, row->user, EVIDENCE_SESSION);
    return who != NULL && who->has_password && hash_equal(who->password_sha256, row->password_sha256) ? who : NULL;
}

struct session *sessions_find(struct keeper *keeper, const uint8_t secret_sha256[HASH_BYTES])
{
    struct session *found = NULL;
    for (uint32_t i = 0; i < keeper->sessions.count; i++)
        if (hash_equal(keeper->sessions.list[i].row.secret_sha256, secret_sha256))
            found = &keeper->sessions.list[i];
    return found;
}

static const struct caller *owner_of(const struct keeper *keeper, const struct session *session, const char *address,
                                     uint64_t now_unix_ms)
{
    const struct caller *who = session != NULL ? user_of(keeper, &session->row) : NULL;
    if (who == NULL || is_over(keeper, session, now_unix_ms) || !caller_may_come_from(who, address) ||
        (who->expires_unix_ms != 0 && who->expires_unix_ms <= now_unix_ms))
        return NULL;
    return who;
}

const struct caller *sessions_authorize(struct keeper *keeper, const struct evidence *evidence)
{
    uint8_t digest[HASH_BYTES];
    uint64_t now_unix_ms = clock_unix_ms();
    if (evidence->secret.size != SESSION_SECRET_BYTES)
        return NULL;
    hash_sha256(evidence->secret.data, evidence->secret.size, digest);
    struct session *session = sessions_find(keeper, digest);
    const struct caller *who = owner_of(keeper, session, evidence->address, now_unix_ms);
    if (who != NULL && now_unix_ms > session->row.used_unix_ms)
        session->row.used_unix_ms = now_unix_ms;
    return who;
}

const struct caller *sessions_owner(struct keeper *keeper, const struct credential *credential, uint64_t now_unix_ms)
{
    if (credential->via != EVIDENCE_SESSION)
        return credential_owner(&keeper->rules, credential, now_unix_ms);
    const struct session *session = sessions_find(keeper, credential->token_sha256);
    return owner_of(keeper, session, credential->address, now_unix_ms);
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static void forget(struct sessions *sessions, struct session *session)
{
    *session = sessions->list[--sessions->count];
}

void sessions_drop(struct keeper *keeper, const uint8_t secret_sha256[HASH_BYTES])
{
    struct session *session = sessions_find(keeper, secret_sha256);
    if (session != NULL)
        forget(&keeper->sessions, session);
}

/* And will be after this turn. */
static bool is_of(const struct session *session, const char *user)
{
    return !session->is_leaving && (user == NULL || strcmp(session->row.user, user) == 0);
}

static uint32_t count_of(const struct sessions *sessions, const char *user)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sessions->count; i++)
        count += is_of(&sessions->list[i], user);
    return count;
}

static int remove_oldest(struct keeper *keeper, const char *user, struct error *err)
{
    struct session *oldest = NULL;
    for (uint32_t i = 0; i < keeper->sessions.count; i++) {
        struct session *session = &keeper->sessions.list[i];
        if (is_of(session, user) && (oldest == NULL || session->row.used_unix_ms < oldest->row.used_unix_ms))
            oldest = session;
    }
    assert(oldest != NULL); /* whoever counts too many has some */
    int done = store_session_remove(keeper->store, oldest->row.secret_sha256, err);
    oldest->is_leaving = done == 0;
    return done;
}

int sessions_begin(struct keeper *keeper, const struct session_row *row, struct error *err)
{
    struct sessions *sessions = &keeper->sessions;
    int done = 0;
    if (count_of(sessions, row->user) >= SESSIONS_OF_A_USER)
        done = remove_oldest(keeper, row->user, err);
    if (done == 0 && count_of(sessions, NULL) >= SESSIONS_MAX)
        done = remove_oldest(keeper, NULL, err);
    if (done == 0 && sessions->count == SESSIONS_MAX + SESSIONS_LEAVING_MAX)
        done = fail_plain(err, EAGAIN, "too many sessions begin at once");
    if (done == 0)
        done = store_session_set(keeper->store, row, err);
    if (done == 0)
        sessions->list[sessions->count++] = (struct session){ .row = *row, .written_unix_ms = row->used_unix_ms };
    return done;
}

bool sessions_settle(struct keeper *keeper, bool is_stored)
{
    struct sessions *sessions = &keeper->sessions;
    bool is_any_gone = false;
    for (uint32_t i = sessions->count; i-- > 0;) {
        bool is_gone = sessions->list[i].is_leaving && is_stored;
        sessions->list[i].is_leaving = false;
        if (is_gone)
            forget(sessions, &sessions->list[i]);
        is_any_gone |= is_gone;
    }
    return is_any_gone;
}

int sessions_load(struct keeper *keeper, struct error *err)
{
    struct session_row *rows = malloc(SESSIONS_MAX * sizeof *rows);
    if (rows == NULL)
        return fail(err, ENOMEM, "read sessions");
    int count = store_sessions(keeper->store, rows, SESSIONS_MAX, err);
    for (int i = 0; i < count; i++)
        keeper->sessions.list[keeper->sessions.count++] =
            (struct session){ .row = rows[i], .written_unix_ms = rows[i].used_unix_ms };
    free(rows);
    return count < 0 ? count
                     : 0; /* whose user or time is over goes with the first tick, and stands for nobody until then */
}

/* --- their ends ------------------------------------------------------------------------------------------------- */

void sessions_end_streams(struct keeper *keeper)
{
    watches_check(keeper);
    feeds_check_rights(keeper);
}

/* In the database, too; where that fails it is gone from memory all the same, and after a restart it is looked at again. */
static void end(struct keeper *keeper, struct session *session)
{
    struct error err = { 0 };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = store_session_remove(keeper->store, session->row.secret_sha256, &err);
    if (done < 0) {
        log_warn("the end of a session cannot be recorded: %s", err.text);
        turn_spoil(keeper, &err);
    }
    forget(&keeper->sessions, session);
}

void sessions_check(struct keeper *keeper)
{
    for (uint32_t i = keeper->sessions.count; i-- > 0;)
        if (user_of(keeper, &keeper->sessions.list[i].row) == NULL)
            end(keeper, &keeper->sessions.list[i]);
}

static bool is_use_due(const struct keeper *keeper, const struct session *session)
{
    uint64_t often_ms = keeper->rules.settings.session_idle_ms / 4;
    return session->row.used_unix_ms - session->written_unix_ms >= (often_ms < WRITE_USE_MS ? often_ms : WRITE_USE_MS);
}

static void write_use(struct keeper *keeper, struct session *session)
{
    struct error err = { 0 };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = store_session_use(keeper->store, &session->row, &err);
    session->written_unix_ms = session->row.used_unix_ms; /* also when it failed: the next one tries again */
    if (done < 0) {
        log_warn("the use of a session cannot be recorded: %s", err.text);
        turn_spoil(keeper, &err);
    }
}

void sessions_tick(struct keeper *keeper)
{
    uint64_t now_unix_ms = clock_unix_ms();
    bool has_ended = false;
    for (uint32_t i = keeper->sessions.count; i-- > 0;) {
        struct session *session = &keeper->sessions.list[i];
        bool is_ending = is_over(keeper, session, now_unix_ms) || user_of(keeper, &session->row) == NULL;
        has_ended |= is_ending; /* its streams do not wait until that can be written down */
        if (keeper->turn.is_behind)
            continue;
        if (is_ending)
            end(keeper, session);
        else if (is_use_due(keeper, session))
            write_use(keeper, session);
    }
    if (has_ended)
        sessions_end_streams(keeper);
}
