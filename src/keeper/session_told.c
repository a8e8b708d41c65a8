#include "session_told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "authorize.h"
#include "deed.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "last_uses.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/store/store.h"

/* A login that waits for its commit. */
struct session_deed {
    uint32_t request_id;
    unsigned epoch;
    uint8_t secret_sha256[HASH_BYTES];
    struct msg_session told;
};

/* NULL: the request was told. */
static struct session_deed *deed_new(struct keeper *keeper, const struct request *request)
{
    struct error err = { 0 };
    struct session_deed *deed = calloc(1, sizeof *deed);
    if (deed == NULL) {
        fail(&err, ENOMEM, "begin a session");
        request_fail(keeper, request, &err);
        return NULL;
    }
    deed->request_id = request->id;
    deed->epoch = keeper->front.epoch;
    return deed;
}

static void deed_free(struct session_deed *deed)
{
    explicit_bzero(deed, sizeof *deed);
    free(deed);
}

static void fill(const struct keeper *keeper, const struct session *session, const struct caller *who,
                 struct msg_session *told)
{
    told->identity.via = caller_via(who);
    told->identity.expires_unix_ms = who->expires_unix_ms;
    text_copy(told->identity.actor, sizeof told->identity.actor, who->name);
    caller_scopes_text(who, told->identity.scopes, sizeof told->identity.scopes);
    told->began_unix_ms = session->row.began_unix_ms;
    told->idle_until_unix_ms = session_idle_until_ms(keeper, session);
    told->until_unix_ms = session_until_ms(keeper, session);
}

static void tell(struct keeper *keeper, const struct session_deed *deed, bool is_stored)
{
    struct msg_refused refused;
    if (deed->epoch != keeper->front.epoch)
        return;
    if (is_stored) {
        peer_send(&keeper->front, MSG_SESSION, deed->request_id, &deed->told, NULL, 0);
        return;
    }
    request_refusal(&keeper->turn.failure, &refused);
    peer_send(&keeper->front, MSG_REFUSED, deed->request_id, &refused, NULL, 0);
}

static void login_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct session_deed *deed = arg;
    if (!is_stored)
        sessions_drop(keeper, deed->secret_sha256);
    if (sessions_settle(keeper, is_stored))
        sessions_end_streams(keeper); /* of one that had to go for it */
    tell(keeper, deed, is_stored);
    deed_free(deed);
}

static int make_secret(struct session_deed *deed, struct error *err)
{
    uint8_t random[SESSION_SECRET_BYTES / 2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return fail(err, errno, "take random bytes");
    text_hex(random, sizeof random, deed->told.secret);
    hash_sha256(deed->told.secret, SESSION_SECRET_BYTES, deed->secret_sha256);
    explicit_bzero(random, sizeof random);
    return 0;
}

static int begin(struct keeper *keeper, const struct caller *who, const char *address, struct session_deed *deed,
                 struct error *err)
{
    uint64_t now_unix_ms = clock_unix_ms();
    struct session_row row = { .began_unix_ms = now_unix_ms, .used_unix_ms = now_unix_ms };
    memcpy(row.secret_sha256, deed->secret_sha256, HASH_BYTES);
    memcpy(row.password_sha256, who->password_sha256, HASH_BYTES);
    text_copy(row.user, sizeof row.user, who->name);
    const struct audit_entry entry = { .what = AUDIT_LOGIN, .actor = who->name, .address = address, .count = 1 };
    int done = turn_write(keeper, err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, err);
    if (done == 0)
        done = sessions_begin(keeper, &row, err);
    if (done < 0) {
        turn_spoil(keeper, err);
        sessions_settle(keeper, false);
    }
    return done;
}

void session_open(struct keeper *keeper, const struct caller *who, uint32_t request_id, const char *address)
{
    struct error err = { 0 };
    const struct request request = { .id = request_id, .type = MSG_LOGIN };
    struct session_deed *deed = deed_new(keeper, &request);
    if (deed == NULL)
        return;
    int done = make_secret(deed, &err);
    if (done == 0)
        done = begin(keeper, who, address, deed, &err);
    if (done < 0) {
        request_fail(keeper, &request, &err);
        deed_free(deed);
        return;
    }
    fill(keeper, sessions_find(keeper, deed->secret_sha256), who, &deed->told);
    last_uses_note(keeper, who);
    turn_then(keeper, login_stored, deed);
}

/* --- of a session that is there --------------------------------------------------------------------------------- */

static struct session *shown(struct keeper *keeper, const struct request *request)
{
    uint8_t digest[HASH_BYTES];
    if (request->evidence->kind == EVIDENCE_SESSION) {
        hash_sha256(request->evidence->secret.data, request->evidence->secret.size, digest);
        return sessions_find(keeper, digest);
    }
    request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found" },
                   "this request shows no session, but another credential");
    return NULL;
}

void answer_read_session(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct msg_session told = { 0 };
    const struct session *session = shown(keeper, request);
    (void)message;
    if (session == NULL)
        return;
    fill(keeper, session, request->who, &told);
    request_answer(keeper, request, MSG_SESSION, &told);
}

static void logout_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct deed *deed = arg;
    if (is_stored) {
        sessions_drop(keeper, deed->session_sha256);
        sessions_end_streams(keeper);
        deed_answer(keeper, deed, MSG_LOGGED_OUT, &(struct msg_empty){ 0 });
    } else {
        deed_refuse(keeper, deed);
    }
    free(deed);
}

void answer_logout(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct error err = { 0 };
    struct deed deed = { 0 };
    const struct session *session = shown(keeper, request);
    const struct audit_entry entry = {
        .what = AUDIT_LOGOUT, .actor = request->who->name, .address = request->evidence->address, .count = 1
    };
    (void)message;
    if (session == NULL)
        return;
    memcpy(deed.session_sha256, session->row.secret_sha256, HASH_BYTES);
    if (deed_when_stored(keeper, request, &deed, &entry, logout_stored) &&
        store_session_remove(keeper->store, deed.session_sha256, &err) < 0)
        turn_spoil(keeper, &err);
}
