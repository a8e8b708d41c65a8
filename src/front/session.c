/* /v1/session: a user with a password gets a cookie, sees what it stands for, and gives it back. */
#include "sallyport/proto/channel.h"

#include <string.h>

#include "body.h"
#include "handlers.h"
#include "json_login.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"
#include "session_cookie.h"

static json_t *json_session(const struct msg_session *session)
{
    json_t *json = json_identity(&session->identity), *times = json_object();
    json_object_set_new(times, "began_at", json_time_or_null(session->began_unix_ms));
    json_object_set_new(times, "idle_expires_at", json_time_or_null(session->idle_until_unix_ms));
    json_object_set_new(times, "expires_at", json_time_or_null(session->until_unix_ms));
    json_object_set_new(json, "session", times);
    return json;
}

/* What a page of the user before left in the browser is not for the next one. */
static void on_login(struct request *request, struct message *message)
{
    struct msg_session *session = &message->body.session;
    char cookie[SESSION_COOKIE_BYTES];
    session_cookie_text(session->secret, (session->until_unix_ms - session->began_unix_ms) / 1000, cookie);
    request_add_header(request, "Set-Cookie", cookie);
    request_add_header(request, "Clear-Site-Data", "\"cache\", \"storage\"");
    explicit_bzero(cookie, sizeof cookie);
    explicit_bzero(session->secret, sizeof session->secret);
    request_reply_json(request, 200, "application/json", json_session(session));
}

/* The cookie's prefix means nothing where others can read along. */
static bool is_private(struct request *request)
{
    struct problem problem;
    if (request->is_private)
        return true;
    body_forget(request);
    problem_init(
        &problem, "tls-required",
        "A password is taken over TLS, over a unix socket, or from a proxy of server.trusted_proxies that says "
        "X-Forwarded-Proto: https.");
    request_refuse(request, &problem);
    return false;
}

void route_login(struct request *request)
{
    const uint8_t *body;
    size_t size;
    struct problem problem;
    struct login login;
    if (!is_private(request) || !body_json(request, &body, &size))
        return;
    int done = json_in_login(body, size, &login, &problem);
    body_forget(request);
    if (done < 0)
        request_refuse(request, &problem);
    else
        ask_login(request, &login.asked, on_login);
    login_done(&login);
}

static void on_session(struct request *request, struct message *message)
{
    request_reply_json(request, 200, "application/json", json_session(&message->body.session));
}

void route_session_read(struct request *request)
{
    ask_read_session(request, on_session);
}

static void on_logout(struct request *request, struct message *message)
{
    char cookie[SESSION_COOKIE_BYTES];
    (void)message;
    session_cookie_text("", 0, cookie);
    request_add_header(request, "Set-Cookie", cookie);
    request_add_header(request, "Clear-Site-Data", "\"cache\", \"cookies\", \"storage\"");
    request_reply_empty(request, 204);
}

void route_logout(struct request *request)
{
    ask_logout(request, on_logout);
}
