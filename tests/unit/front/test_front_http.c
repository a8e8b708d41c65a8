/* What a client meets before any command is looked at: routes, methods, heads, evidence, and a keeper that is not there. */
#include "rig.h"

TestSuite(front_http, .init = rig_start, .fini = rig_stop, .timeout = 60);

static const struct msg_identity tester = { .actor = "tester", .via = EVIDENCE_BEARER, .scopes = "run:* read:own" };

Test(front_http, tells_health_without_authentication_in_one_word)
{
    struct client client = client_open();
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body, "ok\n");
    client_send(&client, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(client_reply(&client), 503);
    keeper_say(MSG_STATUS, 0, &(struct msg_status){ .is_launcher_up = true, .generation = 7 }, NULL, 0);
    usleep(50000);
    client_send(&client, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body, "ready\n");
    client_close(&client);
}

Test(front_http, answers_head_without_body_and_keeps_the_connection)
{
    struct client client = client_open();
    client_send(&client,
                "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_until(&client, "ok\n");
    expect_in(&client, "Content-Length: 3\r\n");
    cr_expect(strstr(client.text, "\r\n\r\nHTTP/1.1 200") != NULL, "a body came with HEAD: %s", client.text);
    client_close(&client);
}

Test(front_http, passes_the_token_on_and_tells_who_the_caller_is)
{
    struct client client = client_open();
    client_ask(&client, "GET /v1/whoami", "X-Request-Id: my-id.1\r\n");
    struct message *message = keeper_expect(MSG_WHOAMI);
    cr_expect_eq(message->body.whoami.evidence.kind, EVIDENCE_BEARER);
    cr_expect(span_is(message->body.whoami.evidence.secret, "sp_test"));
    cr_expect_eq(strncmp(message->body.whoami.evidence.address, "127.0.0.1:", 10), 0);
    keeper_answer(MSG_IDENTITY, &tester);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "X-Request-Id: my-id.1\r\n");
    expect_in(&client, "\"id\":\"tester\"");
    expect_in(&client, "\"scopes\":[\"run:*\",\"read:own\"]");
    client_close(&client);
}

Test(front_http, hands_over_the_connection_itself_for_a_caller_on_the_unix_socket)
{
    struct client client = client_open_unix();
    client_send(&client, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct message *message = keeper_expect(MSG_WHOAMI);
    struct ucred who = { 0 };
    socklen_t size = sizeof who;
    cr_expect_eq(message->body.whoami.evidence.kind, EVIDENCE_PEER);
    cr_assert_eq(message->fd_count, 1);
    cr_expect_eq(getsockopt(message->fds[0], SOL_SOCKET, SO_PEERCRED, &who, &size), 0);
    cr_expect_eq(who.pid, getpid());
    keeper_answer(MSG_IDENTITY, &tester);
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}

Test(front_http, shows_no_evidence_for_credentials_that_are_not_one_token)
{
    static const char *const heads[] = {
        "",
        "Authorization: Basic YWI=\r\n",
        "Authorization: Basic a:b\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearersp_test\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct client client = i == 0 ? client_open() : client_open_unix();
        char head[256];
        snprintf(head, sizeof head, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n%s\r\n", heads[i]);
        client_send(&client, head);
        struct message *message = keeper_expect(MSG_WHOAMI);
        cr_expect_eq(message->body.whoami.evidence.kind, EVIDENCE_NONE, "%s", heads[i]);
        cr_expect_eq(message->fd_count, 0);
        keeper_refuse(401, "unauthenticated");
        cr_expect_eq(client_reply(&client), 401);
        expect_in(&client, "WWW-Authenticate: Bearer realm=\"sallyport\"\r\n");
        expect_in(&client, "Content-Type: application/problem+json\r\n");
        client_close(&client);
    }
}

Test(front_http, passes_a_name_and_a_token_on_and_never_the_peer_beside_them)
{
    struct client client = client_open_unix();
    client_send(&client, "GET /v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n\r\n");
    struct message *message = keeper_expect(MSG_WHOAMI);
    cr_expect_eq(message->body.whoami.evidence.kind, EVIDENCE_BASIC);
    cr_expect_eq(message->body.whoami.evidence.secret.size, 3);
    cr_expect_eq(message->fd_count, 0);
    keeper_refuse(401, "unauthenticated");
    cr_expect_eq(client_reply(&client), 401);
    client_close(&client);
}

Test(front_http, tells_strangers_nothing_but_401)
{
    static const char *const requests[] = {
        "GET /v1/nothing",  "GET /v1/events?kinds=x", "DELETE /v1/jobs",
        "GET /v1/jobs?x=1", "GET /v1/jobs?limit=0",   "GET /v1/jobs/" JOB "/output?tail=x",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct client client = client_open();
        client_ask(&client, requests[i], "");
        keeper_expect(MSG_WHOAMI);
        keeper_refuse(401, "unauthenticated");
        cr_expect_eq(client_reply(&client), 401, "%s", requests[i]);
        client_close(&client);
    }
}

Test(front_http, refuses_what_has_no_route_with_a_problem_document)
{
    static const struct {
        const char *request;
        unsigned status;
        const char *code, *part;
    } cases[] = {
        { "GET /v1/nothing", 404, "not-found", "\"instance\":\"/v1/nothing\"" },
        { "GET /v1/audit", 404, "not-found", "not in this release" },
        { "GET /v1/jobs/" JOB "/approval", 404, "not-found", "not in this release" },
        { "GET /v1/config/a/b", 404, "not-found", "not in this release" },
        { "GET /v1/jobs/", 404, "not-found", "" },
        { "GET /v1//jobs", 404, "not-found", "" },
        { "GET /V1/jobs", 404, "not-found", "" },
        { "GET /v1/jobs/01JD8K3V9X5Q2M7R4T6W8Y0B1C", 404, "not-found", "" },
        { "GET /v1/commands/No-Name", 404, "not-found", "" },
        { "GET /v1/./jobs", 400, "bad-request", "" },
        { "GET /v1/%2e%2E/jobs", 400, "bad-request", "" },
        { "GET /v1%2fjobs", 400, "bad-request", "" },
        { "GET /v1/jobs%00/x", 400, "bad-request", "" },
        { "GET /v1/jobs%5cx", 400, "bad-request", "" },
        { "GET /v1/jobs%zz", 400, "bad-request", "" },
        { "DELETE /v1/jobs", 405, "method-not-allowed", "Allow: GET, HEAD, POST\r\n" },
        { "DELETE /v1/commands", 405, "method-not-allowed", "Allow: GET, HEAD\r\n" },
        { "GET /v1/jobs/" JOB "/cancel", 405, "method-not-allowed", "Allow: POST\r\n" },
        { "PATCH /v1/whoami", 405, "method-not-allowed", "" },
        { "GET /v1/jobs?x=1", 400, "bad-query", "'x'" },
        { "GET /v1/jobs?state=no", 400, "bad-query", "launch_failed" },
        { "GET /v1/jobs?state=queued&state=lost", 400, "bad-query", "twice" },
        { "GET /v1/jobs?command=%00", 400, "bad-query", "control" },
        { "GET /v1/jobs?command=%ff", 400, "bad-query", "UTF-8" },
        { "GET /v1/jobs?cursor=abc", 400, "bad-query", "cursor" },
        { "GET /v1/jobs/" JOB "?wait=30", 400, "bad-query", "unit" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client client = client_open();
        client_ask(&client, cases[i].request, "");
        keeper_expect(MSG_WHOAMI);
        keeper_answer(MSG_IDENTITY, &tester);
        cr_expect_eq(client_reply(&client), cases[i].status, "%s: %u", cases[i].request, client.status);
        char code[64];
        snprintf(code, sizeof code, "\"code\":\"%s\"", cases[i].code);
        expect_in(&client, code);
        expect_in(&client, cases[i].part);
        client_close(&client);
    }
}

Test(front_http, closes_the_connection_after_a_head_that_two_parties_could_read_differently)
{
    static const char *const heads[] = {
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 36\r\nContent-Length: 0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 36\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0b"
        "chunked\r\n\r\n",
        "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 36\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.9\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA(: b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct client client = client_open();
        client_send(&client, heads[i]);
        client_send(&client, "GET /healthz HTTP/1.1\r\nHost: b\r\nAccept: */*\r\n\r\n");
        client_until_end(&client);
        cr_expect(strncmp(client.text, i == 8 ? "HTTP/1.1 505" : "HTTP/1.1 400", 12) == 0, "%zu: %s", i, client.text);
        cr_expect(strstr(client.text, "200 OK") == NULL, "%zu was read as two requests: %s", i, client.text);
        client_close(&client);
    }
}

Test(front_http, makes_a_name_for_a_request_whose_own_is_not_plain)
{
    struct client client = client_open();
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b<script>\r\n\r\n");
    cr_expect_eq(client_reply(&client), 200);
    const char *id = strstr(client.text, "X-Request-Id: ");
    cr_assert(id != NULL);
    cr_expect_eq(strspn(id + 14, "0123456789abcdef"), 32);
    client_close(&client);
}

Test(front_http, answers_503_while_there_is_no_keeper_and_heals_with_a_new_one)
{
    struct client client = client_open();
    client_ask(&client, "GET /v1/whoami", "");
    keeper_expect(MSG_WHOAMI);
    channel_done(&rig.keeper);
    cr_expect_eq(client_reply(&client), 503);
    expect_in(&client, "\"code\":\"keeper-down\"");
    expect_in(&client, "Retry-After: 1\r\n");
    client_ask(&client, "GET /v1/whoami", "");
    cr_expect_eq(client_reply(&client), 503);
    rig_new_keeper();
    usleep(50000);
    client_ask(&client, "GET /v1/whoami", "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &tester);
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}

Test(front_http, drops_a_keeper_that_says_what_was_not_asked)
{
    struct client client = client_open();
    client_ask(&client, "GET /v1/whoami", "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_CANCELLED, &(struct msg_cancelled){ true });
    cr_expect_eq(client_reply(&client), 503);
    wait_readable(rig.keeper.fd, "the end of the channel");
    struct error err;
    cr_expect_eq(channel_receive(&rig.keeper, &rig.last, &err), -ECONNRESET);
    client_close(&client);
}

Test(front_http, lists_only_commands_that_the_caller_may_see)
{
    uint8_t visible = 3, runnable = 1;
    struct msg_commands commands = { .visible = { &visible, 1 }, .runnable = { &runnable, 1 }, .generation = 7 };
    struct client client = client_open();
    client_ask(&client, "GET /v1/commands", "");
    keeper_expect(MSG_LIST_COMMANDS);
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\"name\":\"greet\",\"title\":\"Greets\",\"group\":\"demo\",\"rights\":{\"run\":true}");
    expect_in(&client, "\"name\":\"wait\",\"title\":\"Waits\",\"group\":\"demo\",\"rights\":{\"run\":false}");
    cr_expect(strstr(client.body, "secret") == NULL);

    client_ask(&client, "GET /v1/commands?limit=1", "");
    keeper_expect(MSG_LIST_COMMANDS);
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "Link: </v1/commands?limit=1&cursor=1>; rel=\"next\"\r\n");
    expect_in(&client, "\"next_cursor\":\"1\"");

    client_ask(&client, "GET /v1/commands/secret", "");
    keeper_expect(MSG_LIST_COMMANDS);
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 404);
    client_ask(&client, "GET /v1/commands/greet", "If-None-Match: W/\"7-0-1\"\r\n");
    keeper_expect(MSG_LIST_COMMANDS);
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 304);
    client_close(&client);
}

Test(front_http, asks_again_while_keeper_and_front_hold_different_generations)
{
    uint8_t visible = 1;
    struct msg_commands commands = { .visible = { &visible, 1 }, .runnable = { &visible, 1 }, .generation = 8 };
    struct client client = client_open();
    client_ask(&client, "GET /v1/commands/greet", "");
    keeper_expect(MSG_LIST_COMMANDS);
    keeper_answer(MSG_COMMANDS, &commands);
    rig_settings(8);
    keeper_expect(MSG_LIST_COMMANDS);
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}

Test(front_http, keeps_its_settings_when_new_ones_are_broken)
{
    auto_fd int fd = -1;
    struct error err = { 0 };
    cr_assert_eq(memfd_sealed("settings", "garbage!", 8, false, &fd, &err), 0);
    rig_order(MSG_SETTINGS, &(struct msg_generation){ 8 }, fd);
    struct client client = client_open();
    client_ask(&client, "GET /version", "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &tester);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\"version\":\"1.2.3\"");
    client_close(&client);
}

Test(front_http, survives_a_client_that_leaves_while_the_keeper_thinks)
{
    struct client client = client_open();
    client_ask(&client, "GET /v1/whoami", "");
    keeper_expect(MSG_WHOAMI);
    client_close(&client);
    usleep(50000);
    keeper_answer(MSG_IDENTITY, &tester);
    client = client_open();
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}

Test(front_http, ends_after_an_orderly_stop_when_the_keeper_has_ended)
{
    rig_order(MSG_SHUTDOWN, &(struct msg_shutdown){ 1000 }, -1);
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/jobs", "", "{}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &tester);
    cr_expect_eq(client_reply(&client), 503);
    expect_in(&client, "\"code\":\"draining\"");
    expect_in(&client, "Connection: close\r\n");
    channel_done(&rig.keeper);
    int status = -1;
    for (int i = 0; i < 300 && waitpid(rig.pid, &status, WNOHANG) == 0; i++)
        usleep(10000);
    cr_expect_eq(status, 0);
    rig.pid = fork(); /* for the fixture: somebody who ends well */
    if (rig.pid == 0)
        _exit(0);
    client_close(&client);
}

/* Answers what stands for streams and refusals until something comes at until_fd, or nothing comes for a while. */
static unsigned answer_streams(const struct test_log *log, int until_fd)
{
    unsigned streams = 0;
    for (;;) {
        struct pollfd waiting[] = { { .fd = rig.keeper.fd, .events = POLLIN }, { .fd = until_fd, .events = POLLIN } };
        struct error err = { 0 };
        if (poll(waiting, 2, 1500) <= 0 || (waiting[1].revents & POLLIN) != 0)
            return streams;
        message_done(&rig.last);
        cr_assert_eq(channel_receive(&rig.keeper, &rig.last, &err), 1, "the front dropped its keeper: %s", err.text);
        if (rig.last.type == MSG_READ_OUTPUT) {
            log_hand_over(log, false);
            streams++;
        } else if (rig.last.type == MSG_WHOAMI) {
            keeper_answer(MSG_IDENTITY, &tester);
        }
    }
}

Test(front_http, keeps_the_keeper_when_clients_use_up_all_descriptors)
{
    enum { FEW = 256, MANY = 240 };
    struct client clients[MANY];
    struct test_log log = log_make();
    rig_stop();
    rig.descriptors_max = FEW;
    rig_start();
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_open();
        client_ask(&clients[i], "GET /v1/jobs/" JOB "/output?follow=1", "");
    }
    unsigned streams = answer_streams(&log, -1);
    cr_expect(streams > 10 && streams < FEW / 3, "%u streams", streams);
    for (int i = 0; i < MANY; i++)
        client_close(&clients[i]);
    struct client client = client_open();
    client_ask(&client, "GET /v1/whoami", "");
    answer_streams(&log, client.fd);
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
    log_done(&log);
}

/* One for each connection that is open already, until there is no room for its two descriptors. Returns which was refused. */
static int open_streams(struct client *clients, int count, const struct test_log *log)
{
    for (int i = 0; i < count; i++) {
        struct error err = { 0 };
        client_ask(&clients[i], "GET /v1/jobs/" JOB "/output?follow=1", "");
        message_done(&rig.last);
        wait_readable(rig.keeper.fd, "a question");
        cr_assert_eq(channel_receive(&rig.keeper, &rig.last, &err), 1, "%s", err.text);
        if (rig.last.type == MSG_WHOAMI) {
            keeper_answer(MSG_IDENTITY, &tester);
            return i;
        }
        cr_assert_eq(rig.last.type, MSG_READ_OUTPUT);
        log_hand_over(log, false);
        client_until(&clients[i], "\r\n\r\n");
    }
    return count;
}

Test(front_http, opens_no_feed_and_no_text_of_metrics_where_it_opens_no_stream)
{
    enum { FEW = 256, MANY = 150 };
    struct client clients[MANY];
    struct test_log log = log_make();
    rig_stop();
    rig.descriptors_max = FEW;
    rig_start();
    for (int i = 0; i < MANY; i++)
        clients[i] = client_open();
    int refused = open_streams(clients, MANY, &log);
    cr_assert(refused > 10 && refused < MANY, "%d streams", refused);
    cr_expect_eq(client_reply(&clients[refused]), 429);
    static const char *const requests[] = { "GET /v1/events", "GET /metrics" };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        client_ask(&clients[refused], requests[i], "");
        keeper_expect(MSG_WHOAMI);
        keeper_answer(MSG_IDENTITY, &tester);
        cr_expect_eq(client_reply(&clients[refused]), 429, "%s", requests[i]);
    }
    for (int i = 0; i < MANY; i++)
        client_close(&clients[i]);
    log_done(&log);
}
