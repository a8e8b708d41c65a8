#include "login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "session_told.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/store/store.h"

#define AGAIN_S 2

static void on_checked(evutil_socket_t fd, short what, void *arg); /* the verifier has compared */

int logins_init(struct keeper *keeper, struct error *err)
{
    struct logins *logins = &keeper->logins;
    int fd = keeper->verifier.worker.results_fd;
    logins->checked = event_new(keeper->base, fd, EV_READ | EV_PERSIST, on_checked, keeper);
    if (logins->checked == NULL || event_add(logins->checked, NULL) < 0)
        return fail(err, ENOMEM, "prepare logins");
    return 0;
}

void logins_done(struct keeper *keeper)
{
    if (keeper->logins.checked != NULL)
        event_free(keeper->logins.checked);
    keeper->logins.checked = NULL;
}

/* --- who may wait ----------------------------------------------------------------------------------------------- */

/*
 * Who comes over a unix socket is counted like one address: a proxy may sit there, through which anybody comes. The name is
 * counted for the address alone, so that nobody keeps a user away who comes from elsewhere.
 */
static struct ip address_of(const char *address)
{
    struct ip ip;
    if (!ip_of_address(address, &ip))
        ip = (struct ip){ 0 };
    return ip;
}

static struct span name_span(const char *user)
{
    return (struct span){ (const uint8_t *)user, (uint32_t)strlen(user) };
}

static void refuse_for_now(struct keeper *keeper, const struct request *request, uint32_t after_s, const char *remark)
{
    metrics_note_auth_failure(keeper, AUTH_PASSWORD_THROTTLED);
    request_refuse(
        keeper, request,
        &(struct refusal){ .status = 429, .code = "rate-limited", .retry_after_s = after_s, .remark = remark },
        "too many logins were tried; try again later");
}

static bool throttle_login(struct keeper *keeper, const struct request *request, const struct ip *ip, const char *user)
{
    uint64_t left_ms = throttle_left_ms(&keeper->throttle, ip, name_span(user), clock_monotonic_ms());
    if (left_ms == 0)
        return false;
    refuse_for_now(keeper, request, request_retry_after_s(0, left_ms), "login throttled: too many wrong ones");
    return true;
}

static bool is_same_place(const struct ip *left, const struct ip *right)
{
    const struct ip networks[2] = { throttle_network(left), throttle_network(right) };
    return memcmp(networks[0].bytes, networks[1].bytes, sizeof networks[0].bytes) == 0;
}

/* A free place, or NULL. */
static struct login *find_place(struct logins *logins, const struct ip *ip)
{
    struct login *place = NULL;
    unsigned same = 0;
    for (unsigned i = 0; i < LOGINS_MAX; i++) {
        struct login *login = &logins->list[i];
        if (login->number == 0)
            place = login;
        else
            same += is_same_place(&login->ip, ip);
    }
    return same < LOGINS_OF_AN_ADDRESS ? place : NULL;
}

/* --- what is compared ------------------------------------------------------------------------------------------- */

static const struct caller *find_user(const struct keeper *keeper, const char *user)
{
    char name[NAME_MAX_BYTES];
    int size = snprintf(name, sizeof name, "%s%s", USER_PREFIX, user);
    const struct caller *who =
        size < (int)sizeof name ? rules_find_caller(&keeper->rules, name, EVIDENCE_SESSION) : NULL;
    return who != NULL && who->has_password ? who : NULL;
}

/* Costs what the first user's costs; nobody's fits. NULL when there are no users at all. */
static const struct password_hash *costs_of_nobody(const struct keeper *keeper)
{
    for (uint32_t i = 0; i < keeper->rules.caller_count; i++)
        if (keeper->rules.callers[i].has_password)
            return &keeper->rules.callers[i].password;
    return NULL;
}

static void fill(struct login *login, const struct keeper *keeper, const struct request *request,
                 const struct msg_login *asked, const struct caller *who)
{
    login->request_id = request->id;
    login->epoch = keeper->front.epoch;
    login->is_known = who != NULL;
    text_copy(login->user, sizeof login->user, asked->user);
    text_copy(login->address, sizeof login->address, asked->evidence.address);
    login->ip = address_of(asked->evidence.address);
    if (who != NULL)
        memcpy(login->password_sha256, who->password_sha256, HASH_BYTES);
}

static bool order(struct keeper *keeper, struct login *login, const struct password_hash *hash, struct span password)
{
    struct verify_order order = { .hash = *hash, .size = (uint16_t)password.size };
    do
        order.number = ++keeper->logins.last_number;
    while (order.number == 0);
    memcpy(order.password, password.data, password.size);
    bool is_ordered = verifier_order(&keeper->verifier, &order);
    explicit_bzero(&order, sizeof order);
    if (is_ordered)
        login->number = keeper->logins.last_number;
    return is_ordered;
}

static void refuse_login(struct keeper *keeper, const struct request *request, const char *remark)
{
    metrics_note_auth_failure(keeper, AUTH_PASSWORD_WRONG);
    request_refuse(keeper, request, &(struct refusal){ .status = 401, .code = "unauthenticated", .remark = remark },
                   "no user of this name and this password");
}

static void take(struct keeper *keeper, const struct request *request, const struct msg_login *asked)
{
    struct ip ip = address_of(asked->evidence.address);
    const struct caller *who = find_user(keeper, asked->user);
    const struct password_hash *hash = who != NULL ? &who->password : costs_of_nobody(keeper);
    if (throttle_login(keeper, request, &ip, asked->user))
        return;
    if (hash == NULL || asked->password.size == 0) {
        refuse_login(keeper, request,
                     hash == NULL ? "login refused: there are no users" : "login refused: no password");
        return;
    }
    struct login *login = find_place(&keeper->logins, &ip);
    if (login != NULL)
        fill(login, keeper, request, asked, who);
    if (login == NULL || !order(keeper, login, hash, asked->password))
        refuse_for_now(keeper, request, AGAIN_S, "login put off: too many at once");
}

void answer_login(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_login *asked = &message->body.login;
    take(keeper, request, asked);
    if (asked->password.size > 0) /* in the channel's own buffer */
        explicit_bzero((void *)(uintptr_t)asked->password.data, asked->password.size);
}

/* --- what comes of it ------------------------------------------------------------------------------------------- */

/* The user's name, or for one that is none a few bits of it: people type passwords there. Each name has a remark of its own, so
 * that what is written down takes the same time for both. */
static void failure_remark(const struct keeper *keeper, const struct login *login, char remark[REFUSALS_REMARK_BYTES])
{
    if (login->is_known)
        snprintf(remark, REFUSALS_REMARK_BYTES, "login refused: not the password of '%s'", login->user);
    else
        snprintf(remark, REFUSALS_REMARK_BYTES, "login refused: no such user (%04x)",
                 (unsigned)(throttle_mark(&keeper->throttle, name_span(login->user)) & 0xffff));
}

static void refuse(struct keeper *keeper, const struct login *login)
{
    struct evidence evidence = { 0 };
    char remark[REFUSALS_REMARK_BYTES];
    const struct request request = { .id = login->request_id, .type = MSG_LOGIN, .evidence = &evidence };
    throttle_note(&keeper->throttle, &login->ip, name_span(login->user), clock_monotonic_ms());
    failure_remark(keeper, login, remark);
    text_copy(evidence.address, sizeof evidence.address, login->address);
    if (login->epoch == keeper->front.epoch)
        refuse_login(keeper, &request, remark);
    else
        refusals_note(keeper, &keeper->refusals, login->address, remark); /* nobody waits */
}

/* The rules may have changed meanwhile. */
static const struct caller *still(const struct keeper *keeper, const struct login *login)
{
    const struct caller *who = login->is_known ? find_user(keeper, login->user) : NULL;
    uint64_t now_unix_ms = clock_unix_ms();
    if (who == NULL || !hash_equal(who->password_sha256, login->password_sha256) ||
        (who->expires_unix_ms != 0 && who->expires_unix_ms <= now_unix_ms) ||
        !caller_may_come_from(who, login->address))
        return NULL;
    return who;
}

static void conclude(struct keeper *keeper, const struct login *login, const struct verify_result *result)
{
    const struct caller *who = still(keeper, login);
    struct error err = { .code = result->code };
    if (result->code != 0) {
        text_copy(err.text, sizeof err.text, "a password could not be compared: there is no memory for it");
        const struct request request = { .id = login->request_id, .type = MSG_LOGIN };
        if (login->epoch == keeper->front.epoch)
            request_fail(keeper, &request, &err);
    } else if (!result->fits || who == NULL) {
        refuse(keeper, login);
    } else if (login->epoch == keeper->front.epoch) {
        session_open(keeper, who, login->request_id, login->address);
    }
}

static void on_checked(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    struct verify_result result;
    (void)fd;
    (void)what;
    while (verifier_result(&keeper->verifier, &result))
        for (unsigned i = 0; i < LOGINS_MAX; i++) {
            struct login login = keeper->logins.list[i];
            if (login.number != result.number)
                continue;
            keeper->logins.list[i].number = 0;
            conclude(keeper, &login, &result);
            break;
        }
}
