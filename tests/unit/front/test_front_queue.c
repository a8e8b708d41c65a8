/* What the rules of the queue look like to a client. */
#include <jansson.h>

#include "rig.h"

TestSuite(front_queue, .init = rig_start, .fini = rig_stop, .timeout = 60);

Test(front_queue, tells_of_a_rate_in_the_fields_of_the_draft)
{
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/jobs", "", "{}");
    keeper_expect(MSG_SUBMIT);
    keeper_answer(MSG_REFUSED, &(struct msg_refused){ .status = 429,
                                                      .code = "rate-limited",
                                                      .detail = "too many",
                                                      .retry_after_s = 17,
                                                      .rate = "caller",
                                                      .rate_count = 10,
                                                      .rate_period_s = 3600 });
    cr_expect_eq(client_reply(&client), 429);
    expect_in(&client, "Retry-After: 17\r\n");
    expect_in(&client, "RateLimit-Policy: \"caller\";q=10;w=3600\r\n");
    expect_in(&client, "RateLimit: \"caller\";r=0;t=17\r\n");
    expect_in(&client, "\"code\":\"rate-limited\"");
    client_close(&client);
}

Test(front_queue, marks_an_answer_that_is_another_s_job)
{
    struct client client = client_open();
    struct msg_job job = a_job(JOB_QUEUED, 1);
    struct msg_submitted submitted[] = { { .job_id = job.job_id, .was_coalesced = true },
                                         { .job_id = job.job_id, .was_deduplicated = true } };
    static const char *const headers[] = { "Sallyport-Coalesced: true\r\n", "Sallyport-Deduplicated: true\r\n" };
    for (int i = 0; i < 2; i++) {
        client_post(&client, "/v1/commands/greet/jobs", "", "{\"priority\": 3}");
        struct message *message = keeper_expect(MSG_SUBMIT);
        cr_expect(message->body.submit.has_priority && message->body.submit.priority == 3);
        keeper_answer(MSG_SUBMITTED, &submitted[i]);
        keeper_expect(MSG_READ_JOB);
        keeper_answer(MSG_JOB, &job);
        cr_expect_eq(client_reply(&client), 202);
        expect_in(&client, headers[i]);
        cr_expect_null(strstr(client.text, "Idempotency-Replayed"));
    }
    client_close(&client);
}

Test(front_queue, lists_who_waits_page_by_page)
{
    struct client client = client_open();
    struct msg_job job = a_job(JOB_QUEUED, 1);
    job.position = 4;
    job.wait = JOB_WAIT_CALLER_LIMIT;
    strcpy(job.queued_reason, "because");
    client_ask(&client, "GET /v1/queue?limit=1&command=greet", "");
    struct message *message = keeper_expect(MSG_LIST_JOBS);
    cr_expect(message->body.list_jobs.is_queue && message->body.list_jobs.limit == 1);
    cr_expect_str_eq(message->body.list_jobs.command, "greet");
    keeper_answer(MSG_JOB, &job);
    keeper_answer(MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = true });
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\"priority\":0,\"position\":4,\"reason\":\"caller-limit\",\"queued_reason\":\"because\"");
    expect_in(&client, "Link: </v1/queue?limit=1&command=greet&cursor=");
    json_t *page = json_loads(client.body, 0, NULL);
    char target[200];
    snprintf(target, sizeof target, "GET /v1/queue?limit=1&command=greet&cursor=%s",
             json_string_value(json_object_get(page, "next_cursor")));
    json_decref(page);
    client_ask(&client, target, "");
    message = keeper_expect(MSG_LIST_JOBS);
    cr_expect(message->body.list_jobs.has_before && job_id_equal(&message->body.list_jobs.before, &job.job_id));
    keeper_answer(MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = false });
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "{\"items\":[],\"next_cursor\":null}");
    client_close(&client);
}

Test(front_queue, gives_a_dry_run_a_verdict)
{
    uint8_t room[200];
    struct writer out = { room, sizeof room };
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/validate", "Idempotency-Key: k\r\n", "{\"params\":{\"a\":1}}");
    struct message *message = keeper_expect(MSG_SUBMIT);
    cr_expect(message->body.submit.is_trial);
    cr_expect_str_eq(message->body.submit.command, "greet");
    cr_expect_str_eq(message->body.submit.idempotency_key, "");
    keeper_answer(MSG_VERDICT, &(struct msg_verdict){ .position = 3,
                                                      .wait = JOB_WAIT_SLOTS,
                                                      .queued_reason = "full",
                                                      .has_argv = true,
                                                      .argv = { (const uint8_t *)"/bin/x\0\0a b", 12 } });
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body, "{\"verdict\":\"accepted\",\"code\":null,\"detail\":null,\"errors\":[],"
                                  "\"retry_after\":null,\"job\":null,\"queue\":{\"position\":3,\"reason\":\"slots\","
                                  "\"queued_reason\":\"full\"},\"argv\":[\"/bin/x\",\"\",\"a b\"]}\n");
    client_post(&client, "/v1/commands/greet/validate", "", "{}");
    keeper_expect(MSG_SUBMIT);
    entries_add_text(&out, ENTRY_ERROR, "/params/a", "required", "is required");
    keeper_answer(MSG_VERDICT, &(struct msg_verdict){ .code = "params-invalid",
                                                      .detail = "no",
                                                      .errors = { room, (uint32_t)(sizeof room - out.left) } });
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body, "{\"verdict\":\"refused\",\"code\":\"params-invalid\",\"detail\":\"no\",\"errors\":[{"
                                  "\"pointer\":\"/params/a\",\"code\":\"required\",\"detail\":\"is required\"}],"
                                  "\"retry_after\":null,\"job\":null,\"queue\":null}\n");
    client_close(&client);
}

Test(front_queue, runs_a_job_again)
{
    struct client client = client_open();
    struct msg_job job = a_job(JOB_QUEUED, 1);
    client_post(&client, "/v1/jobs/" JOB "/rerun", "Idempotency-Key: k\r\n", "{\"reason\":\"again\",\"priority\":0}");
    struct message *message = keeper_expect(MSG_SUBMIT);
    const struct msg_submit *submit = &message->body.submit;
    cr_expect(job_id_equal(&submit->rerun_of, &job.job_id));
    cr_expect(submit->has_priority && !submit->is_trial);
    cr_expect_str_eq(submit->command, "");
    cr_expect_str_eq(submit->reason, "again");
    cr_expect_str_eq(submit->idempotency_key, "k");
    keeper_answer(MSG_SUBMITTED, &(struct msg_submitted){ .job_id = job.job_id });
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, &job);
    cr_expect_eq(client_reply(&client), 202);
    client_post(&client, "/v1/jobs/" JOB "/rerun", "", "{\"params\":{}}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 400);
    expect_in(&client, "unknown-member");
    client_close(&client);
}

Test(front_queue, pauses_and_resumes_a_command)
{
    struct client client = client_open();
    struct msg_commands commands = {
        .pause = { .is_paused = true, .refuses = true, .reason = "moving", .actor = "ops", .since_unix_ms = 1000 }
    };
    client_post(&client, "/v1/commands/greet/pause", "", "{\"reason\":\"moving\",\"queue\":false}");
    struct message *message = keeper_expect(MSG_PAUSE);
    cr_expect_str_eq(message->body.pause.command, "greet");
    cr_expect_str_eq(message->body.pause.reason, "moving");
    cr_expect(message->body.pause.refuses && !message->body.pause.is_resume);
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 200);
    cr_expect_str_eq(client.body,
                     "{\"name\":\"greet\",\"paused\":true,\"pause\":{\"queue\":false,\"reason\":\"moving\","
                     "\"by\":\"ops\",\"since\":\"1970-01-01T00:00:01.000Z\"}}\n");
    client_post(&client, "/v1/commands/greet/resume", "", "");
    message = keeper_expect(MSG_PAUSE);
    cr_expect(message->body.pause.is_resume && !message->body.pause.refuses);
    keeper_answer(MSG_COMMANDS, &(struct msg_commands){ 0 });
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\"paused\":false,\"pause\":null");

    uint8_t visible = 1, paused = 1;
    commands.visible = (struct span){ &visible, 1 };
    commands.paused = (struct span){ &paused, 1 };
    commands.generation = 7;
    client_ask(&client, "GET /v1/commands/greet", "");
    message = keeper_expect(MSG_LIST_COMMANDS);
    cr_expect_str_eq(message->body.list_commands.command, "greet");
    keeper_answer(MSG_COMMANDS, &commands);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\"paused\":true,\"pause\":{\"queue\":false");
    expect_in(&client, "ETag: W/\"7-0-0-1000\"\r\n");
    client_post(&client, "/v1/commands/greet/pause", "", "{\"queue\":\"no\"}");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 422);
    client_close(&client);
}
