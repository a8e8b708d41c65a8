/* Jobs: submitting, waiting, listing, cancelling. */
#include "rig.h"

TestSuite(front_jobs, .init = rig_start, .fini = rig_stop, .timeout = 60);

static void expect_submit_then(struct msg_submitted *submitted)
{
    keeper_expect(MSG_SUBMIT);
    *submitted = (struct msg_submitted){ .job_id = a_job(JOB_QUEUED, 1).job_id };
    keeper_answer(MSG_SUBMITTED, submitted);
}

Test(front_jobs, turns_a_body_into_one_typed_message)
{
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/jobs", "Idempotency-Key: \"k1\"\r\n",
                "{\"params\":{\"s\":\"a b\",\"n\":-3,\"r\":1.5,\"b\":true,\"l\":[\"x\",2]},\"labels\":{\"pr\":\"812\"},"
                "\"reason\":\"why not\",\"timeout\":\"30s\",\"stdin\":\"hello\"}");
    struct message *message = keeper_expect(MSG_SUBMIT);
    struct msg_submit *submit = &message->body.submit;
    static const struct {
        uint8_t kind;
        const char *name, *value;
    } params[] = {
        { ENTRY_STRING, "s", "a b" },
        { ENTRY_INTEGER, "n", "-3" },
        { ENTRY_REAL, "r", "1.5" },
        { ENTRY_BOOL, "b", "true" },
        { ENTRY_LIST, "l", "" },
        { ENTRY_ITEM + ENTRY_STRING, "l", "x" },
        { ENTRY_ITEM + ENTRY_INTEGER, "l", "2" },
    };
    struct reader in = { submit->params.data, submit->params.size };
    struct entry entry;
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        cr_assert_eq(entries_next(&in, &entry), 1);
        cr_expect_eq(entry.kind, params[i].kind);
        cr_expect(span_is(entry.name, params[i].name));
        cr_expect(span_is(entry.value, params[i].value), "%s", params[i].name);
    }
    cr_expect_eq(entries_next(&in, &entry), 0);
    in = (struct reader){ submit->labels.data, submit->labels.size };
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(entry.kind == ENTRY_LABEL && span_is(entry.name, "pr") && span_is(entry.value, "812"));
    cr_expect_str_eq(submit->command, "greet");
    cr_expect_str_eq(submit->reason, "why not");
    cr_expect_str_eq(submit->idempotency_key, "k1");
    cr_expect_eq(submit->timeout_ms, 30000);
    cr_expect(submit->has_stdin);
    cr_assert_eq(message->fd_count, 1);
    uint64_t size;
    struct error err;
    cr_expect_eq(memfd_check_sealed(message->fds[0], 100, &size, &err), 0, "%s", err.text);
    cr_expect_eq(size, 5);

    keeper_answer(MSG_SUBMITTED,
                  &(struct msg_submitted){ .job_id = a_job(JOB_QUEUED, 1).job_id, .was_replayed = true });
    message = keeper_expect(MSG_READ_JOB);
    cr_expect_not(message->body.read_job.watch);
    struct msg_job job = a_job(JOB_QUEUED, 1);
    keeper_answer(MSG_JOB, &job);
    cr_expect_eq(client_reply(&client), 202);
    expect_in(&client, "Location: /v1/jobs/" JOB "\r\n");
    expect_in(&client, "Sallyport-Job: " JOB "\r\n");
    expect_in(&client, "Retry-After: 1\r\n");
    expect_in(&client, "Idempotency-Replayed: true\r\n");
    expect_in(&client, "\"state\":\"queued\"");
    client_close(&client);
}

Test(front_jobs, reports_every_fault_of_a_body_at_once)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        { "{\"params\":", 400, "line 1, column 10" },
        { "[]", 400, "must be a JSON object" },
        { "{\"params\":{},\"params\":{}}", 400, "bad-json" },
        { "{\"params\":{\"a\":\"\\u0000\"}}", 400, "bad-json" },
        { "{\"reason\":\"\xff\"}", 400, "bad-json" },
        { "{} x", 400, "bad-json" },
        { "{\"x\":1,\"y/~\":2}", 400, "\"pointer\":\"/y~1~0\"" },
        { "{\"target\":\"x\"}", 400, "is not in this release" },
        { "{\"callback\":3}", 422, "\"pointer\":\"/callback\"" },
        { "{\"params\":3}", 422, "\"pointer\":\"/params\"" },
        { "{\"params\":{\"a\":null,\"b\":{},\"c\":[[1]]}}", 422, "\"pointer\":\"/params/c/0\"" },
        { "{\"timeout\":\"30\",\"labels\":{\"a\":1},\"stdin\":4}", 422, "3 faults" },
        { "{\"timeout\":\"0s\"}", 422, "\"pointer\":\"/timeout\"" },
        { "{\"timeout\":\"10000d\"}", 422, "\"pointer\":\"/timeout\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client client = client_open();
        client_post(&client, "/v1/commands/greet/jobs", "", cases[i].body);
        keeper_expect(MSG_WHOAMI);
        keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
        cr_expect_eq(client_reply(&client), cases[i].status, "%s: %u", cases[i].body, client.status);
        expect_in(&client, cases[i].part);
        client_close(&client);
    }
}

Test(front_jobs, refuses_bodies_of_another_kind_or_size)
{
    static char body[300 * 1024];
    struct client client = client_open();
    client_send(&client, "POST /v1/commands/greet/jobs HTTP/1.1\r\nHost: localhost\r\n" TOKEN
                         "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 415);
    expect_in(&client, "Accept-Post: application/json\r\n");
    client_post(&client, "/v1/commands/greet/jobs", "Accept: image/png\r\n", "{}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 406);
    memset(body, ' ', sizeof body);
    client_send(&client,
                "POST /v1/commands/greet/jobs HTTP/1.1\r\nHost: localhost\r\n" TOKEN "Content-Length: 307200\r\n\r\n");
    client_send_bytes(&client, body, sizeof body);
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 413);
    client_close(&client);
}

Test(front_jobs, hands_the_keepers_refusal_on_with_all_its_errors)
{
    uint8_t room[256];
    struct writer out = { room, sizeof room };
    entries_add_text(&out, ENTRY_ERROR, "/params/env", "enum", "must be one of staging, prod");
    entries_add_text(&out, ENTRY_ERROR, "/params/x", "unknown", "is not \xff known");
    struct msg_refused refused = { .status = 422,
                                   .code = "params-invalid",
                                   .errors = { room, (uint32_t)(sizeof room - out.left) } };
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/jobs", "", "{}");
    keeper_expect(MSG_SUBMIT);
    keeper_answer(MSG_REFUSED, &refused);
    cr_expect_eq(client_reply(&client), 422);
    expect_in(&client, "{\"pointer\":\"/params/env\",\"code\":\"enum\",\"detail\":\"must be one of staging, prod\"}");
    expect_in(&client, "is not \xef\xbf\xbd known");
    client_close(&client);
}

Test(front_jobs, waits_for_the_end_if_the_client_prefers_and_adds_the_outputs_head)
{
    struct client client = client_open();
    struct msg_submitted submitted;
    client_post(&client, "/v1/commands/greet/jobs", "Prefer: wait=20\r\n", "{}");
    expect_submit_then(&submitted);
    struct message *message = keeper_expect(MSG_READ_JOB);
    cr_expect(message->body.read_job.watch);
    struct msg_job job = a_job(JOB_QUEUED, 1);
    keeper_answer(MSG_JOB, &job);
    job = a_job(JOB_RUNNING, 2);
    keeper_answer(MSG_JOB, &job);
    job = a_job(JOB_SUCCEEDED, 3);
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_UNWATCH);
    keeper_expect(MSG_READ_OUTPUT);
    struct test_log log = log_make();
    log_add_text(&log, OUTPUT_STDOUT, "hi\n");
    log_hand_over(&log, true);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "Preference-Applied: wait=2\r\n");
    expect_in(&client, "\"head\":{\"d\":\"hi\\n\"}");
    expect_in(&client, "\"exit_code\":0");
    log_done(&log);
    client_close(&client);
}

Test(front_jobs, answers_202_when_the_end_does_not_come_in_time)
{
    struct client client = client_open();
    struct msg_submitted submitted;
    client_post(&client, "/v1/commands/wait/jobs", "Prefer: return=minimal, wait=1\r\n", "");
    expect_submit_then(&submitted);
    keeper_expect(MSG_READ_JOB);
    struct msg_job job = a_job(JOB_RUNNING, 1);
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_UNWATCH);
    cr_expect_eq(client_reply(&client), 202);
    cr_expect_str_eq(client.body, "{\"id\":\"" JOB "\",\"url\":\"/v1/jobs/" JOB "\",\"state\":\"running\"}\n");
    client_close(&client);
}

Test(front_jobs, says_that_a_job_is_accepted_even_if_its_caller_may_not_read_it)
{
    struct client client = client_open();
    struct msg_submitted submitted;
    client_post(&client, "/v1/commands/greet/jobs", "", "{}");
    expect_submit_then(&submitted);
    keeper_expect(MSG_READ_JOB);
    keeper_refuse(404, "not-found");
    cr_expect_eq(client_reply(&client), 202);
    expect_in(&client, "\"id\":\"" JOB "\"");
    client_post(&client, "/v1/commands/greet/jobs", "Accept: text/event-stream\r\n", "{}");
    expect_submit_then(&submitted);
    keeper_expect(MSG_READ_JOB);
    channel_done(&rig.keeper);
    cr_expect_eq(client_reply(&client), 202);
    client_close(&client);
}

Test(front_jobs, polls_a_job_until_it_changes)
{
    struct client client = client_open();
    struct msg_job job = a_job(JOB_RUNNING, 5);
    client_ask(&client, "GET /v1/jobs/" JOB, "");
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "ETag: W/\"5\"\r\n");

    client_ask(&client, "GET /v1/jobs/" JOB "?wait=1s", "If-None-Match: W/\"5\"\r\n");
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_UNWATCH);
    cr_expect_eq(client_reply(&client), 304);

    client_ask(&client, "GET /v1/jobs/" JOB "?wait=30s", "If-None-Match: W/\"5\"\r\n");
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    job.version = 6;
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_UNWATCH);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "ETag: W/\"6\"\r\n");

    client_ask(&client, "GET /v1/jobs/" JOB "?wait=30s", "");
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    job = a_job(JOB_FAILED, 7);
    job.signal = 9;
    keeper_answer(MSG_JOB, &job);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\"signal\":9,\"signal_name\":\"KILL\"");
    client_close(&client);
}

Test(front_jobs, takes_a_watch_back_when_its_client_leaves)
{
    struct client client = client_open();
    struct msg_job job = a_job(JOB_RUNNING, 5);
    client_ask(&client, "GET /v1/jobs/" JOB "?wait=30s", "");
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    uint32_t watch = rig.last.request_id;
    client_close(&client);
    keeper_expect(MSG_UNWATCH);
    cr_expect_eq(rig.last.request_id, watch);
}

Test(front_jobs, writes_a_job_as_the_api_says)
{
    uint8_t room[512];
    struct writer out = { room, sizeof room };
    entries_add_text(&out, ENTRY_STRING, "env", "staging", "");
    entries_add_text(&out, ENTRY_SECRET, "token", "", "");
    entries_add_text(&out, ENTRY_LIST, "hosts", "", "");
    entries_add_text(&out, ENTRY_ITEM + ENTRY_INTEGER, "hosts", "3", "");
    struct msg_job job = a_job(JOB_RUNNING, 7);
    job.params = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    job.timeout_ms = 900000;
    job.wall_us = 4100000;
    job.degraded = DEGRADE_CGROUP_MEMORY;
    struct client client = client_open();
    client_ask(&client, "GET /v1/jobs/" JOB, "");
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    cr_expect_eq(client_reply(&client), 200);
    static const char *const parts[] = {
        "\"params\":{\"env\":\"staging\",\"token\":{\"secret\":true},\"hosts\":[3]}",
        "\"created_at\":\"2026-03-01T10:00:00.120Z\"",
        "\"deadline_at\":\"2026-03-01T10:15:00.160Z\"",
        "\"timeout\":900",
        "\"wall\":4.1",
        "\"degraded\":[\"cgroup-memory\"]",
        "\"end\":null",
        "\"actor\":{\"id\":\"tester\",\"via\":\"token\"",
        "\"url\":\"/v1/jobs/" JOB "/output\"",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        expect_in(&client, parts[i]);
    client_close(&client);
}

Test(front_jobs, lists_jobs_page_by_page)
{
    struct client client = client_open();
    client_ask(&client,
               "GET /v1/jobs?command=greet&state=running&label=pr%3D812&since=2026-03-01T10%3A00%3A00Z&limit=1", "");
    struct message *message = keeper_expect(MSG_LIST_JOBS);
    struct msg_list_jobs *list = &message->body.list_jobs;
    cr_expect_str_eq(list->command, "greet");
    cr_expect_eq(list->state, JOB_RUNNING);
    cr_expect_eq(list->since_unix_ms, 1772359200000);
    cr_expect_eq(list->limit, 1);
    cr_expect_not(list->has_before);
    struct msg_job job = a_job(JOB_RUNNING, 1);
    keeper_answer(MSG_JOB, &job);
    keeper_answer(MSG_JOBS_END, &(struct msg_jobs_end){ true });
    cr_expect_eq(client_reply(&client), 200);
    const char *cursor = strstr(client.body, "\"next_cursor\":\"");
    cr_assert(cursor != NULL);
    char target[256];
    snprintf(target, sizeof target,
             "GET /v1/jobs?limit=2&command=greet&state=running&label=pr%%3D812&since=2026-03-01T10:00:00Z&cursor=%.34s",
             cursor + 15);
    char link[256];
    snprintf(
        link, sizeof link,
        "Link: "
        "</v1/jobs?command=greet&state=running&label=pr%%3D812&since=2026-03-01T10%%3A00%%3A00Z&limit=1&cursor=%.34s>; "
        "rel=\"next\"",
        cursor + 15);
    expect_in(&client, link);
    client_ask(&client, target, "");
    message = keeper_expect(MSG_LIST_JOBS);
    cr_expect(message->body.list_jobs.has_before);
    cr_expect(job_id_equal(&message->body.list_jobs.before, &job.job_id));
    keeper_answer(MSG_JOBS_END, &(struct msg_jobs_end){ false });
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body, "{\"items\":[],\"next_cursor\":null}\n");
    client_close(&client);
}

Test(front_jobs, cancels_and_signals)
{
    struct client client = client_open();
    client_post(&client, "/v1/jobs/" JOB "/cancel", "", "{\"grace\":\"2s\",\"reason\":\"wrong branch\"}");
    struct message *message = keeper_expect(MSG_CANCEL);
    cr_expect(message->body.cancel.has_grace);
    cr_expect_eq(message->body.cancel.grace_ms, 2000);
    keeper_answer(MSG_CANCELLED, &(struct msg_cancelled){ true });
    cr_expect_eq(client_reply(&client), 202);
    expect_in(&client, "\"changed\":true");
    client_send(&client,
                "POST /v1/jobs/" JOB "/cancel HTTP/1.1\r\nHost: localhost\r\n" TOKEN "Content-Length: 0\r\n\r\n");
    keeper_expect(MSG_CANCEL);
    keeper_answer(MSG_CANCELLED, &(struct msg_cancelled){ false });
    cr_expect_eq(client_reply(&client), 200);
    client_post(&client, "/v1/jobs/" JOB "/signal", "", "{\"signal\":\"HUP\"}");
    message = keeper_expect(MSG_SIGNAL);
    cr_expect_eq(message->body.signal.signal, SIGHUP);
    keeper_answer(MSG_SIGNALLED, &(struct msg_empty){ 0 });
    cr_expect_eq(client_reply(&client), 202);
    client_post(&client, "/v1/jobs/" JOB "/signal", "", "{\"signal\":\"NOPE\"}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 422);
    client_post(&client, "/v1/jobs/" JOB "/signal", "", "{}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 422);
    expect_in(&client, "\"code\":\"required\"");
    client_close(&client);
}
