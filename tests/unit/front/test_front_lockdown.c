/* The program as it is started for real: everything given up, and still able to do its work. */
#include "rig.h"

#include <ctype.h>

TestSuite(front_lockdown, .timeout = 60);

static bool start_or_skip(void)
{
    if (geteuid() != 0) {
        if (getenv("SALLYPORT_TESTS_MUST_RUN") != NULL)
            cr_assert_fail("needs root, which is missing, and no test may be skipped");
        cr_skip_test("needs root: the front gives up what it has, so it must have it");
        return false;
    }
    rig_start_as(&(struct msg_become){ .uid = 61234, .gid = 61235 }, true);
    return true;
}

static void expect_status_line(const char *status, const char *name, const char *value)
{
    const char *line = strstr(status, name);
    cr_assert(line != NULL, "%s", name);
    line += strlen(name);
    while (isspace((unsigned char)*line))
        line++;
    cr_expect_eq(strncmp(line, value, strlen(value)), 0, "%s is %.40s instead of %s", name, line, value);
}

Test(front_lockdown, leaves_no_right_and_still_serves_every_kind_of_request)
{
    if (!start_or_skip())
        return;
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/jobs", "Accept: text/event-stream\r\n",
                "{\"stdin\":\"x\",\"params\":{\"a\":1.5}}");
    keeper_expect(MSG_SUBMIT);
    cr_expect_eq(rig.last.fd_count, 1);
    keeper_answer(MSG_SUBMITTED, &(struct msg_submitted){ .job_id = a_job(JOB_QUEUED, 1).job_id });
    keeper_expect(MSG_READ_JOB);
    struct msg_job job = a_job(JOB_RUNNING, 1);
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_READ_OUTPUT);
    struct test_log log = log_make();
    log_add_text(&log, OUTPUT_STDOUT, "hello\n");
    log_hand_over(&log, false);
    client_until(&client, "\"d\":\"hello\\n\"");
    client_close(&client);
    keeper_expect(MSG_UNWATCH);
    keeper_expect(MSG_UNWATCH);

    client = client_open();
    client_ask(&client, "GET /v1/jobs/" JOB "/output", "Accept-Encoding: gzip\r\n");
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, true);
    client_until(&client, "\r\n0\r\n\r\n");
    expect_in(&client, "Content-Encoding: gzip\r\n");
    client_close(&client);

    client = client_open();
    client_ask(&client, "GET /v1/jobs/" JOB "/output?search=HELL&ignore_case=1", "");
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, true);
    client_until(&client, "\"type\":\"match\"");
    client_until(&client, "\"type\":\"end\"");
    client_close(&client);

    client = client_open_unix();
    client_send(&client, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
    rig_settings(9);
    rig_new_keeper();
    client = client_open();
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);

    char path[64], status[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)rig.pid);
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_gt(read(fd, status, sizeof status - 1), 0);
    expect_status_line(status, "\nUid:", "61234\t61234\t61234\t61234");
    expect_status_line(status, "\nGid:", "61235\t61235\t61235\t61235");
    expect_status_line(status, "\nCapPrm:", "0000000000000000");
    expect_status_line(status, "\nCapEff:", "0000000000000000");
    expect_status_line(status, "\nCapBnd:", "0000000000000000");
    expect_status_line(status, "\nNoNewPrivs:", "1");
    expect_status_line(status, "\nSeccomp:", "2");
    log_done(&log);
    rig_stop();
}
