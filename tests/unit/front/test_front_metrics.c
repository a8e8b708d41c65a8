/* GET /metrics: who may ask, on which listener, and what becomes of what the keeper says. */
#include "rig.h"

#include "sallyport/proto/metrics.h"

TestSuite(front_metrics, .init = rig_start, .fini = rig_stop, .timeout = 60);

static int metrics_file(bool has_keeper, unsigned commands)
{
    struct record_file file = { 0 };
    struct error err = { 0 };
    struct metric_keeper keeper = { .running = 3,
                                    .queued = 2,
                                    .queue_oldest_ms = 1500,
                                    .output_bytes = 77,
                                    .store_bytes = 88,
                                    .store_free_bytes = 99,
                                    .auth_failures = { 1, 2, 3, 4, 5, 6, 7 },
                                    .is_launcher_up = true,
                                    .reload_succeeded_unix_ms = 1772359200120 };
    struct metric_command command = { .command = "greet", .ended = { { 5, 1 }, [JOB_SOURCE_CHAIN] = { 0, 0, 3 } } };
    struct metric_token token = { .token = "ci", .expires_unix_ms = 1800000000000 };
    histogram_add(&command.duration, metric_job_bounds_us, 42000);
    if (has_keeper)
        cr_assert_eq(record_file_add(&file, metric_defs, METRIC_COUNT, METRIC_KEEPER, &keeper, &err), 0);
    for (unsigned i = 0; i < commands; i++)
        cr_assert_eq(record_file_add(&file, metric_defs, METRIC_COUNT, METRIC_COMMAND, &command, &err), 0);
    cr_assert_eq(record_file_add(&file, metric_defs, METRIC_COUNT, METRIC_TOKEN, &token, &err), 0);
    int fd = -1;
    cr_assert_eq(memfd_sealed("metrics", file.data, file.size, false, &fd, &err), 0, "%s", err.text);
    record_file_done(&file);
    return fd;
}

static void answer_with(int fd)
{
    keeper_say(MSG_METRICS, rig.last.request_id, &(struct msg_empty){ 0 }, &fd, 1);
    close(fd);
}

Test(front_metrics, asks_the_keeper_with_the_callers_evidence_and_makes_text)
{
    struct client client = client_open();
    client_ask(&client, "GET /metrics", "");
    struct message *message = keeper_expect(MSG_READ_METRICS);
    cr_expect(span_is(message->body.read_metrics.evidence.secret, "sp_test"));
    cr_expect_not(message->body.read_metrics.is_open);
    answer_with(metrics_file(true, 1));
    cr_expect_eq(client_reply(&client), 200);
    static const char *const lines[] = {
        "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
        "sallyport_build_info{version=\"1.2.3\"} 1\n",
        "\nsallyport_jobs_running 3\n",
        "\nsallyport_jobs_queued 2\n",
        "\nsallyport_queue_oldest_seconds 1.5\n",
        "\nsallyport_output_bytes_total 77\n",
        "\nsallyport_store_bytes 88\n",
        "\nsallyport_store_free_bytes 99\n",
        "\nsallyport_launcher_up 1\n",
        "\nsallyport_config_last_reload_successful 0\n",
        "\nsallyport_config_last_reload_success_timestamp_seconds 1772359200.12\n",
        "\nsallyport_jobs_total{command=\"greet\",state=\"succeeded\",source=\"api\"} 5\n",
        "\nsallyport_jobs_total{command=\"greet\",state=\"failed\",source=\"api\"} 1\n",
        "\nsallyport_jobs_total{command=\"greet\",state=\"launch_failed\",source=\"api\"} 0\n",
        "\nsallyport_jobs_total{command=\"greet\",state=\"timed_out\",source=\"chain\"} 3\n",
        "\nsallyport_job_duration_seconds_bucket{command=\"greet\",le=\"0.01\"} 0\n",
        "\nsallyport_job_duration_seconds_bucket{command=\"greet\",le=\"0.05\"} 1\n",
        "\nsallyport_job_duration_seconds_sum{command=\"greet\"} 0.042\n",
        "\nsallyport_auth_failures_total{method=\"none\",reason=\"missing\"} 1\n",
        "\nsallyport_auth_failures_total{method=\"bearer\",reason=\"unknown\"} 2\n",
        "\nsallyport_auth_failures_total{method=\"bearer\",reason=\"expired\"} 3\n",
        "\nsallyport_auth_failures_total{method=\"peer\",reason=\"unknown\"} 4\n",
        "\nsallyport_auth_failures_total{method=\"bearer\",reason=\"elsewhere\"} 6\n",
        "\nsallyport_auth_failures_total{method=\"bearer\",reason=\"throttled\"} 7\n",
        "\nsallyport_auth_failures_total{method=\"certificate\",reason=\"unknown\"} 5\n",
        "\nsallyport_token_expiry_timestamp_seconds{token=\"ci\"} 1800000000\n",
        "\nsallyport_streams_open 0\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        expect_in(&client, lines[i]);
    cr_expect(strstr(client.text, "job_queue_seconds_bucket") == NULL, "nothing was measured");

    client_ask(&client, "GET /metrics", "");
    keeper_expect(MSG_READ_METRICS);
    answer_with(metrics_file(true, 1));
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\nsallyport_http_requests_total{route=\"/metrics\",method=\"GET\",code=\"200\"} 1\n");
    client_close(&client);
}

Test(front_metrics, hands_on_that_the_scope_is_missing)
{
    struct client client = client_open();
    client_ask(&client, "GET /metrics", "");
    keeper_expect(MSG_READ_METRICS);
    keeper_refuse(403, "forbidden");
    cr_expect_eq(client_reply(&client), 403);
    client_ask(&client, "GET /metrics?x=1", "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 400);
    client_close(&client);
}

Test(front_metrics, are_all_that_their_own_listener_has_and_need_no_token_there)
{
    static const char *const others[] = {
        "/",        "/healthz",   "/readyz",   "/version",  "/v1/whoami",
        "/v1/jobs", "/v1/events", "/metrics/", "/metricsx", "/v1/commands/greet/jobs"
    };
    struct client client = client_open_at(rig.metrics_port);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char target[64];
        snprintf(target, sizeof target, "GET %s", others[i]);
        client_ask(&client, target, "");
        cr_expect_eq(client_reply(&client), 404, "%s", others[i]);
        cr_expect(strstr(client.text, "release") == NULL, "%s", client.text);
    }
    client_post(&client, "/v1/commands/greet/jobs", "", "{}");
    cr_expect_eq(client_reply(&client), 404);
    client_post(&client, "/metrics", "", "{}");
    cr_expect_eq(client_reply(&client), 405);
    expect_in(&client, "Allow: GET, HEAD\r\n");
    cr_expect(keeper_hears_nothing(), "and the keeper was not troubled");

    client_ask(&client, "GET /metrics", "");
    struct message *message = keeper_expect(MSG_READ_METRICS);
    cr_expect(message->body.read_metrics.is_open);
    cr_expect_eq(message->body.read_metrics.evidence.kind, EVIDENCE_NONE, "a token that is shown is not looked at");
    answer_with(metrics_file(true, 1));
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "\nsallyport_jobs_running 3\n");
    client_send(&client, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    keeper_expect(MSG_READ_METRICS);
    answer_with(metrics_file(true, 1));
    client.size = 0;
    client_until(&client, "\r\n\r\n");
    expect_in(&client, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    expect_in(&client, "\r\nContent-Length: ");
    client_close(&client);
}

Test(front_metrics, believe_no_file_of_the_keeper_that_is_none)
{
    static const char nonsense[] = "\x01\0\0\0\xff\xff\xff\xff";
    int fds[] = { metrics_file(false, 1), metrics_file(true, METRICS_COMMANDS_MAX + COMMAND_COUNT_MAX + 2), -1,
                  memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
    struct error err = { 0 };
    cr_assert_eq(memfd_sealed("metrics", nonsense, sizeof nonsense, false, &fds[2], &err), 0);
    struct client client = client_open();
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        client_ask(&client, "GET /metrics", "");
        keeper_expect(MSG_READ_METRICS);
        answer_with(fds[i]);
        cr_expect_eq(client_reply(&client), 500, "file %zu", i);
    }
    client_close(&client);
}

Test(front_metrics, are_made_for_a_few_at_once)
{
    struct client clients[9];
    for (unsigned i = 0; i < 9; i++)
        clients[i] = client_open_at(rig.metrics_port);
    for (unsigned i = 0; i < 8; i++) {
        client_ask(&clients[i], "GET /metrics", "");
        keeper_expect(MSG_READ_METRICS);
    }
    client_ask(&clients[8], "GET /metrics", "");
    cr_expect_eq(client_reply(&clients[8]), 429);
    expect_in(&clients[8], "Retry-After: 1\r\n");
    answer_with(metrics_file(true, 1)); /* to the eighth */
    cr_expect_eq(client_reply(&clients[7]), 200);
    client_close(&clients[0]); /* it goes away without an answer */
    for (unsigned i = 0; i < 2; i++) {
        client_ask(&clients[7 + i], "GET /metrics", "");
        keeper_expect(MSG_READ_METRICS);
    }
    for (unsigned i = 1; i < 9; i++)
        client_close(&clients[i]);
}

Test(front_metrics, are_503_without_a_keeper)
{
    struct client client = client_open_at(rig.metrics_port);
    channel_done(&rig.keeper);
    usleep(50000);
    client_ask(&client, "GET /metrics", "");
    cr_expect_eq(client_reply(&client), 503);
    client_close(&client);
    rig.keeper.fd = -1;
}
