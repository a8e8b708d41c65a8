/* /v1/drain, and what load balancers hear of it. */
#include "rig.h"

TestSuite(front_drain, .init = rig_start, .fini = rig_stop, .timeout = 30);

Test(front_drain, passes_on_what_was_asked_and_tells_how_many_jobs_there_are)
{
    static const struct {
        const char *body;
        bool is_on;
    } asked[] = { { "{\"on\":true}", true }, { "{\"on\":false}", false }, { "{}", true } };
    struct client client = client_open();
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        client_post(&client, "/v1/drain", "", asked[i].body);
        struct message *message = keeper_expect(MSG_DRAIN);
        cr_expect_eq(message->body.drain.is_on, asked[i].is_on, "%s", asked[i].body);
        cr_expect(span_is(message->body.drain.evidence.secret, "sp_test"));
        keeper_answer(MSG_DRAIN_STATE, &(struct msg_drain_state){ .is_on = true, .running = 2, .queued = 3 });
        cr_expect_eq(client_reply(&client), 200);
        cr_expect_str_eq(client.body, "{\"on\":true,\"running\":2,\"queued\":3}\n");
    }
    client_ask(&client, "GET /v1/drain", "");
    keeper_expect(MSG_READ_DRAIN);
    keeper_refuse(403, "forbidden");
    cr_expect_eq(client_reply(&client), 403);
    client_close(&client);
}

Test(front_drain, takes_nothing_else_for_an_answer)
{
    struct client client = client_open();
    client_post(&client, "/v1/drain", "", "{\"on\":1}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 422);
    expect_in(&client, "\"pointer\":\"/on\"");
    client_ask(&client, "GET /v1/drain", "");
    keeper_expect(MSG_READ_DRAIN);
    keeper_answer(MSG_CANCELLED,
                  &(struct msg_cancelled){ 0 }); /* a keeper that says this is not listened to any more */
    cr_expect_eq(client_reply(&client), 503);
    client_close(&client);
}

Test(front_drain, is_not_ready_while_the_service_is_drained)
{
    struct client client = client_open();
    for (int i = 0; i < 4; i++) {
        bool is_drained = i % 2 == 1;
        struct msg_status status = { .is_launcher_up = true, .is_drained = is_drained, .generation = 7 };
        keeper_say(MSG_STATUS, 0, &status, NULL, 0);
        client_ask(&client, "GET /v1/drain", ""); /* answered behind the status */
        keeper_expect(MSG_READ_DRAIN);
        keeper_answer(MSG_DRAIN_STATE, &(struct msg_drain_state){ .is_on = is_drained });
        cr_expect_eq(client_reply(&client), 200);
        client_ask(&client, "GET /readyz", "");
        cr_expect_eq(client_reply(&client), is_drained ? 503 : 200);
        client_ask(&client, "GET /healthz", "");
        cr_expect_eq(client_reply(&client), 200);
    }
    client_close(&client);
}
