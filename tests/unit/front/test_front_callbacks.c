/* The callback that a request names: its two forms become two fields, and what is neither is refused here. */
#include "rig.h"

TestSuite(front_callbacks, .init = rig_start, .fini = rig_stop, .timeout = 60);

static void expect_passed_on(const char *target, const char *body, const char *name, const char *url)
{
    struct client client = client_open();
    client_post(&client, target, "", body);
    struct message *message = keeper_expect(MSG_SUBMIT);
    cr_expect_str_eq(message->body.submit.callback, name);
    cr_expect_str_eq(message->body.submit.callback_url, url);
    keeper_refuse(422, "params-invalid");
    cr_expect_eq(client_reply(&client), 422);
    client_close(&client);
}

Test(front_callbacks, are_passed_on_with_whatever_starts_a_job)
{
    static const char named[] = "{\"callback\": \"chat\"}";
    static const char both[] = "{\"callback\": {\"name\": \"reply\", \"url\": \"https://a.example/b?c\"}}";
    expect_passed_on("/v1/commands/greet/jobs", "{}", "", "");
    expect_passed_on("/v1/commands/greet/jobs", named, "chat", "");
    expect_passed_on("/v1/commands/greet/jobs", both, "reply", "https://a.example/b?c");
    expect_passed_on("/v1/commands/greet/jobs", "{\"callback\": {\"name\": \"chat\"}}", "chat", "");
    expect_passed_on("/v1/jobs/" JOB "/rerun", named, "chat", "");
    expect_passed_on("/v1/jobs", "{\"steps\": [{\"command\": \"greet\"}], \"callback\": \"chat\"}", "chat", "");
}

Test(front_callbacks, of_another_form_are_refused)
{
    static const char *const values[] = { "null",
                                          "3",
                                          "[\"chat\"]",
                                          "\"\"",
                                          "\"Chat\"",
                                          "{}",
                                          "{\"url\": \"https://a.example/\"}",
                                          "{\"name\": \"chat\", \"url\": \"\"}",
                                          "{\"name\": \"chat\", \"url\": null}",
                                          "{\"name\": \"chat\", \"key\": \"x\"}",
                                          "{\"name\": 3}" };
    struct client client = client_open();
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"callback\": %s}", values[i]);
        client_post(&client, "/v1/commands/greet/jobs", "", body);
        keeper_expect(MSG_WHOAMI); /* who sends nonsense is known, too */
        keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
        cr_expect_eq(client_reply(&client), 422, "%s", values[i]);
        expect_in(&client, "\"pointer\":\"/callback");
    }
    cr_expect(keeper_hears_nothing());
    client_close(&client);
}

Test(front_callbacks, with_a_url_that_is_too_long_are_refused)
{
    char url[2100], body[2300];
    struct client client = client_open();
    memset(url, 'a', sizeof url);
    for (size_t length = 2047; length <= 2048; length++) {
        snprintf(body, sizeof body, "{\"callback\": {\"name\": \"reply\", \"url\": \"%.*s\"}}", (int)length, url);
        client_post(&client, "/v1/commands/greet/jobs", "", body);
        if (length > 2047) {
            keeper_expect(MSG_WHOAMI);
            keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
        } else {
            cr_expect_eq(strlen(keeper_expect(MSG_SUBMIT)->body.submit.callback_url), 2047);
            keeper_refuse(422, "params-invalid");
        }
        cr_expect_eq(client_reply(&client), 422);
    }
    expect_in(&client, "\"pointer\":\"/callback");
    client_close(&client);
}
