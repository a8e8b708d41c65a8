/* POST /v1/config/reload: what the keeper says goes out when it is true of the front as well. */
#include "rig.h"

TestSuite(front_reload, .init = rig_start, .fini = rig_stop, .timeout = 30);

static uint8_t lines_room[512];

static struct span lines(const char *first, const char *second)
{
    struct writer out = { lines_room, sizeof lines_room };
    cr_assert(entries_add_text(&out, ENTRY_ERROR, "", "config-invalid", first));
    cr_assert(entries_add_text(&out, ENTRY_ERROR, "", "config-invalid", second));
    return (struct span){ lines_room, (uint32_t)(sizeof lines_room - out.left) };
}

static struct client ask(void)
{
    struct client client = client_open();
    client_post(&client, "/v1/config/reload", "", "{}");
    return client;
}

static bool has_nothing_for(const struct client *client)
{
    struct pollfd waiting = { .fd = client->fd, .events = POLLIN };
    return poll(&waiting, 1, 100) == 0;
}

Test(front_reload, answers_when_its_own_settings_are_of_that_generation)
{
    struct client client = ask();
    struct msg_reload_taken taken = { .generation = 8, .has_changed = true, .warnings = lines("one: \xff", "two") };
    keeper_expect(MSG_RELOAD);
    keeper_answer(MSG_RELOAD_TAKEN, &taken);
    cr_expect(has_nothing_for(&client));
    rig_settings(8);
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body, "{\"generation\":8,\"changed\":true,\"warnings\":[\"one: \xef\xbf\xbd\",\"two\"]}\n");
    client_close(&client);
}

Test(front_reload, has_what_is_newer_than_what_was_asked_for)
{
    struct client client = ask();
    keeper_expect(MSG_RELOAD);
    keeper_answer(MSG_RELOAD_TAKEN, &(struct msg_reload_taken){ .generation = 6 });
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "{\"generation\":6,\"changed\":false,\"warnings\":[]}");
    client_close(&client);
}

Test(front_reload, says_later_when_its_own_settings_do_not_come)
{
    struct client client = ask();
    keeper_expect(MSG_RELOAD);
    keeper_answer(MSG_RELOAD_TAKEN, &(struct msg_reload_taken){ .generation = 8 });
    cr_expect_eq(client_reply(&client), 503);
    expect_in(&client, "\"code\":\"reloading\"");
    expect_in(&client, "Retry-After: 1\r\n");
    client_close(&client);
}

Test(front_reload, passes_every_line_of_a_refusal_on)
{
    struct client client = ask();
    struct msg_refused refused = { .status = 422, .code = "config-invalid", .errors = lines("a:1:2: x", "b:3:4: y") };
    keeper_expect(MSG_RELOAD);
    keeper_answer(MSG_REFUSED, &refused);
    cr_expect_eq(client_reply(&client), 422);
    expect_in(&client, "\"title\":\"The configuration cannot be used\"");
    expect_in(&client, "{\"pointer\":\"\",\"code\":\"config-invalid\",\"detail\":\"a:1:2: x\"}");
    expect_in(&client, "{\"pointer\":\"\",\"code\":\"config-invalid\",\"detail\":\"b:3:4: y\"}");
    client_close(&client);
}

Test(front_reload, takes_no_body_that_says_anything)
{
    struct client client = client_open();
    client_post(&client, "/v1/config/reload", "", "{\"file\":\"/etc/passwd\"}");
    keeper_expect(MSG_WHOAMI); /* a stranger would hear 401 */
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 400);
    expect_in(&client, "unknown-member");
    client_ask(&client, "POST /v1/config/reload", "Content-Length: 0\r\n");
    keeper_expect(MSG_RELOAD);
    keeper_answer(MSG_RELOAD_TAKEN, &(struct msg_reload_taken){ .generation = 7 });
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}

Test(front_reload, is_not_left_waiting_by_a_keeper_that_ends)
{
    struct client client = ask();
    keeper_expect(MSG_RELOAD);
    rig_new_keeper();
    cr_expect_eq(client_reply(&client), 503);
    expect_in(&client, "\"code\":\"keeper-down\"");
    client_close(&client);
}
