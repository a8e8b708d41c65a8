/* Output to clients: formats, ranges, following, resuming, and readers that stall. */
#include "rig.h"

TestSuite(front_output, .init = rig_start, .fini = rig_stop, .timeout = 120);

static struct test_log three_lines(void)
{
    struct test_log log = log_make();
    log_add_text(&log, OUTPUT_STDOUT, "one\n");
    log_add_text(&log, OUTPUT_STDERR, "oops\n");
    log_add_text(&log, OUTPUT_STDOUT, "two\n");
    return log;
}

/* Asks for output as plain bytes and gives the log. */
static void ask_bytes(struct client *client, const char *query, const char *headers, const struct test_log *log,
                      bool is_complete)
{
    char target[256];
    snprintf(target, sizeof target, "GET /v1/jobs/" JOB "/output%s", query);
    client_ask(client, target, headers);
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(log, is_complete);
}

/* The same as records. Returns the number of the watch on the output. */
static uint32_t ask_records(struct client *client, const char *query, const char *headers, const struct test_log *log,
                            const struct msg_job *job)
{
    char target[256];
    snprintf(target, sizeof target, "GET /v1/jobs/" JOB "/output%s", query);
    client_ask(client, target, headers);
    keeper_expect(MSG_READ_JOB);
    keeper_answer(MSG_JOB, job);
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(log, job_has_ended(job->state));
    return rig.last.request_id;
}

Test(front_output, gives_the_bytes_that_are_asked_for)
{
    static const struct {
        const char *query, *headers;
        unsigned status;
        const char *body, *part;
    } cases[] = {
        { "", "", 200, "one\noops\ntwo\n", "Content-Length: 13\r\n" },
        { "?stream=stdout", "Accept: application/octet-stream\r\n", 200, "one\ntwo\n",
          "Content-Type: application/octet-stream\r\n" },
        { "?stream=stderr", "", 200, "oops\n", "Content-Length: 5\r\n" },
        { "?offset=4", "", 200, "oops\ntwo\n", "" },
        { "?offset=5&stream=stdout", "", 200, "wo\n", "" },
        { "?offset=13", "", 200, "", "Content-Length: 0\r\n" },
        { "?offset=14", "", 416, NULL, "Content-Range: bytes */13\r\n" },
        { "?tail=1", "", 200, "two\n", "" },
        { "?tail=2", "", 200, "oops\ntwo\n", "" },
        { "?tail=0", "", 200, "", "" },
        { "?tail=99", "", 200, "one\noops\ntwo\n", "" },
        { "", "Range: bytes=4-7\r\n", 206, "oops", "Content-Range: bytes 4-7/13\r\n" },
        { "", "Range: bytes=9-\r\n", 206, "two\n", "Content-Range: bytes 9-12/13\r\n" },
        { "", "Range: bytes=-2\r\n", 206, "o\n", "Content-Range: bytes 11-12/13\r\n" },
        { "", "Range: bytes=0-99\r\n", 206, "one\noops\ntwo\n", "" },
        { "?stream=stdout", "Range: bytes=3-5\r\n", 206, "\ntw", "Content-Range: bytes 3-5/8\r\n" },
        { "", "Range: bytes=13-\r\n", 416, NULL, "Content-Range: bytes */13\r\n" },
        { "", "Range: bytes=0-1,3-4\r\n", 200, "one\noops\ntwo\n", "" },
        { "", "Range: lines=0-1\r\n", 200, "one\noops\ntwo\n", "" },
        { "", "", 200, "one\noops\ntwo\n", "ETag: \"" LOG_SHA256_HEX "\"\r\n" },
        { "?stream=stderr", "", 200, "oops\n", "ETag: \"" LOG_SHA256_HEX "-stderr\"\r\n" },
        { "", "Range: bytes=4-7\r\n", 206, "oops", "ETag: \"" LOG_SHA256_HEX "\"\r\n" },
        { "", "Range: bytes=4-7\r\nIf-Range: \"" LOG_SHA256_HEX "\"\r\n", 206, "oops", "" },
        { "", "Range: bytes=4-7\r\nIf-Range: W/\"" LOG_SHA256_HEX "\"\r\n", 200, "one\noops\ntwo\n", "" },
        { "", "Range: bytes=4-7\r\nIf-Range: \"other\"\r\n", 200, "one\noops\ntwo\n", "" },
        { "", "Range: bytes=4-7\r\nIf-Range: Sun, 01 Mar 2026 10:00:00 GMT\r\n", 200, "one\noops\ntwo\n", "" },
        { "", "Range: bytes=99-\r\nIf-Range: \"other\"\r\n", 200, "one\noops\ntwo\n", "" },
        { "", "If-None-Match: \"" LOG_SHA256_HEX "\"\r\n", 304, "", "ETag: \"" LOG_SHA256_HEX "\"\r\n" },
        { "", "If-None-Match: \"other\"\r\n", 200, "one\noops\ntwo\n", "" },
        { "?stream=stdout", "If-None-Match: \"" LOG_SHA256_HEX "\"\r\n", 200, "one\ntwo\n", "" },
        { "?offset=4", "If-None-Match: \"" LOG_SHA256_HEX "\"\r\n", 200, "oops\ntwo\n", "" },
    };
    struct test_log log = three_lines();
    struct client client = client_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask_bytes(&client, cases[i].query, cases[i].headers, &log, true);
        cr_expect_eq(client_reply(&client), cases[i].status, "%s %s: %u", cases[i].query, cases[i].headers,
                     client.status);
        if (cases[i].body != NULL)
            cr_expect_str_eq(client.body, cases[i].body, "%s %s: %s", cases[i].query, cases[i].headers, client.body);
        expect_in(&client, cases[i].part);
        expect_in(&client, "X-Content-Type-Options: nosniff\r\n");
    }
    log_done(&log);
    client_close(&client);
}

Test(front_output, names_no_bytes_that_may_still_change_or_that_nobody_hashed)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    log.has_no_hash = true;
    for (int is_complete = 0; is_complete <= 1; is_complete++) {
        ask_bytes(&client, "", "If-None-Match: *\r\n", &log, is_complete);
        cr_expect_eq(client_reply(&client), 200);
        cr_expect(strstr(client.text, "ETag") == NULL, "%s", client.text);
        ask_bytes(&client, "", "Range: bytes=0-1\r\nIf-Range: \"\"\r\n", &log, is_complete);
        cr_expect_eq(client_reply(&client), 200);
        ask_bytes(&client, "", "Range: bytes=0-1\r\n", &log, is_complete);
        cr_expect_eq(client_reply(&client), 206);
        expect_in(&client, is_complete ? "Content-Range: bytes 0-1/13\r\n" : "Content-Range: bytes 0-1/*\r\n");
    }
    log_done(&log);
    client_close(&client);
}

Test(front_output, gives_the_last_bytes_of_nothing_as_nothing)
{
    struct test_log log = log_make();
    struct client client = client_open();
    ask_bytes(&client, "", "Range: bytes=-5\r\n", &log, true);
    cr_expect_eq(client_reply(&client), 200);
    expect_in(&client, "Content-Length: 0\r\n");
    ask_bytes(&client, "", "Range: bytes=0-\r\n", &log, true);
    cr_expect_eq(client_reply(&client), 416);
    expect_in(&client, "Content-Range: bytes */0\r\n");
    log_done(&log);
    client_close(&client);
}

Test(front_output, answers_head_without_a_byte_of_output)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    client_ask(&client, "HEAD /v1/jobs/" JOB "/output", "");
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, true);
    client_until(&client, "\r\n\r\n");
    expect_in(&client, "Content-Length: 13\r\n");
    client.size = 0;
    client_ask(&client, "HEAD /v1/jobs/" JOB "/output", "Range: bytes=0-1\r\n");
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, true);
    client_until(&client, "\r\n\r\n");
    expect_in(&client, "HTTP/1.1 200 ");
    expect_in(&client, "Content-Length: 13\r\n");
    client_ask(&client, "HEAD /v1/jobs/" JOB "/output?follow=1", "");
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, false);
    keeper_expect(MSG_UNWATCH);
    client.size = 0;
    client_until(&client, "\r\n\r\n");
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_until(&client, "ok\n");
    cr_expect(strncmp(strstr(client.text, "\r\n\r\n") + 4, "HTTP/1.1 200", 12) == 0, "%s", client.text);
    log_done(&log);
    client_close(&client);
}

Test(front_output, follows_line_by_line_and_ends_with_the_log)
{
    struct test_log log = log_make();
    struct client client = client_open();
    ask_bytes(&client, "?follow=1", "", &log, false);
    uint32_t watch = rig.last.request_id;
    client_until(&client, "\r\n\r\n");
    log_add_text(&log, OUTPUT_STDOUT, "first\n");
    log_announce(&log, watch, false);
    client_until(&client, "6\r\nfirst\n\r\n");
    log_add_text(&log, OUTPUT_STDERR, "second\n");
    log_announce(&log, watch, false);
    client_until(&client, "7\r\nsecond\n\r\n");
    log_announce(&log, watch, true);
    client_until(&client, "0\r\n\r\n");
    keeper_expect(MSG_UNWATCH);
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_until(&client, "ok\n");
    log_done(&log);
    client_close(&client);
}

Test(front_output, serves_a_client_without_chunks_by_closing)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    client_send(&client, "GET /v1/jobs/" JOB "/output?follow=1 HTTP/1.0\r\n" TOKEN "\r\n");
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, true);
    client_until_end(&client);
    cr_expect(strstr(client.text, "\r\n\r\none\noops\ntwo\n") != NULL, "%s", client.text);
    log_done(&log);
    client_close(&client);
}

Test(front_output, tells_a_job_from_beginning_to_end_as_lines_of_json)
{
    struct test_log log = log_make();
    struct client client = client_open();
    struct msg_job job = a_job(JOB_QUEUED, 1);
    uint32_t watch = ask_records(&client, "?follow=1", "Accept: application/x-ndjson\r\n", &log, &job);
    client_until(&client, "\"type\":\"job\"");
    log_add_text(&log, OUTPUT_STDOUT, "h\xc3\xa9\"\n");
    log_announce(&log, watch, false);
    client_until(&client, "{\"type\":\"output\",\"off\":0,\"t\":\"2026-03-01T10:00:00.000Z\",\"s\":\"out\",\"d\":"
                          "\"h\xc3\xa9\\\"\\n\"}\n");
    log_add(&log, OUTPUT_STDERR, "\xff\0x", 3);
    log_announce(&log, watch, false);
    client_until(&client,
                 "{\"type\":\"output\",\"off\":5,\"t\":\"2026-03-01T10:00:01.000Z\",\"s\":\"err\",\"b64\":\"/wB4\"}\n");
    job = a_job(JOB_SUCCEEDED, 2);
    keeper_say(MSG_JOB, watch, &job, NULL, 0);
    log_announce(&log, watch, true);
    client_until(&client, "0\r\n\r\n");
    expect_in(&client, "{\"type\":\"end\",\"id\":\"" JOB "\"");
    expect_in(&client, "\"reason\":\"exited\",\"exit_code\":0,\"signal\":null");
    log_done(&log);
    client_close(&client);
}

Test(front_output, tells_of_output_that_a_limit_dropped_before_the_end)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    struct msg_job job = a_job(JOB_FAILED, 2);
    job.output_truncated = true;
    job.output_bytes = log.bytes;
    ask_records(&client, "", "Accept: application/x-ndjson\r\n", &log, &job);
    client_until(&client, "0\r\n\r\n");
    expect_in(&client, "{\"type\":\"gap\",\"from\":13,\"to\":null,\"why\":\"output_limit\"}\n{\"type\":\"end\"");
    log_done(&log);
    client_close(&client);
}

Test(front_output, keeps_characters_whole_that_were_written_in_two_halves)
{
    struct test_log log = log_make();
    struct client client = client_open();
    struct msg_job job = a_job(JOB_RUNNING, 1);
    uint32_t watch = ask_records(&client, "?follow=1", "Accept: application/x-ndjson\r\n", &log, &job);
    log_add(&log, OUTPUT_STDOUT, "a\xe2\x82", 3);
    log_announce(&log, watch, false);
    client_until(&client, "\"d\":\"a\"}");
    log_add(&log, OUTPUT_STDOUT,
            "\xac"
            "b",
            2);
    log_announce(&log, watch, false);
    client_until(&client, "\"off\":1,\"t\":\"2026-03-01T10:00:00.000Z\",\"s\":\"out\",\"d\":\"\xe2\x82\xac"
                          "b\"}");
    /* the other stream comes between: then nothing can mend it */
    log_add(&log, OUTPUT_STDOUT, "\xe2", 1);
    log_add(&log, OUTPUT_STDERR, "x", 1);
    log_announce(&log, watch, false);
    client_until(&client, "\"b64\":\"4g==\"}");
    client_until(&client, "\"s\":\"err\",\"d\":\"x\"}");
    /* and at the end of the log nothing will */
    log_add(&log, OUTPUT_STDOUT, "\xf0\x9f", 2);
    log_announce(&log, watch, false);
    log_announce(&log, watch, true);
    client_until(&client, "\"b64\":\"8J8=\"}");
    job = a_job(JOB_SUCCEEDED, 2);
    keeper_say(MSG_JOB, watch, &job, NULL, 0);
    client_until(&client, "\"type\":\"end\"");
    log_done(&log);
    client_close(&client);
}

Test(front_output, speaks_events_and_resumes_behind_the_last_one)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    struct msg_job job = a_job(JOB_RUNNING, 1);
    uint32_t watch = ask_records(&client, "", "Accept: text/event-stream\r\nLast-Event-ID: 4\r\n", &log, &job);
    client_until(&client, "retry: 2000\n\n");
    client_until(&client, "event: hello\ndata: {");
    client_until(&client, "id: 9\nevent: output\ndata: {\"type\":\"output\",\"off\":4");
    client_until(&client, "id: 13\nevent: output\n");
    cr_expect(strstr(client.text, "\"off\":0") == NULL);
    job.state = JOB_STOPPING;
    job.version = 2;
    keeper_say(MSG_JOB, watch, &job, NULL, 0);
    client_until(&client, "event: state\ndata: {\"type\":\"state\"");
    job = a_job(JOB_FAILED, 3);
    keeper_say(MSG_JOB, watch, &job, NULL, 0);
    log_announce(&log, watch, true);
    client_until(&client, "id: end\nevent: end\ndata: {\"type\":\"end\"");
    client_until(&client, "0\r\n\r\n");
    keeper_expect(MSG_UNWATCH);
    keeper_expect(MSG_UNWATCH);

    ask_records(&client, "", "Accept: text/event-stream\r\nLast-Event-ID: 13\r\n", &log, &job);
    cr_expect_eq(client_reply(&client), 204);
    keeper_expect(MSG_UNWATCH);
    keeper_expect(MSG_UNWATCH);
    ask_records(&client, "", "Accept: text/event-stream\r\nLast-Event-ID: end\r\n", &log, &job);
    cr_expect_eq(client_reply(&client), 204);
    log_done(&log);
    client_close(&client);
}

Test(front_output, streams_a_new_job_at_once)
{
    struct test_log log = log_make();
    struct client client = client_open();
    client_post(&client, "/v1/commands/greet/jobs", "Accept: application/x-ndjson\r\n", "{}");
    keeper_expect(MSG_SUBMIT);
    keeper_answer(MSG_SUBMITTED, &(struct msg_submitted){ .job_id = a_job(JOB_QUEUED, 1).job_id });
    keeper_expect(MSG_READ_JOB);
    struct msg_job job = a_job(JOB_QUEUED, 1);
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, false);
    client_until(&client, "\"type\":\"job\"");
    expect_in(&client, "HTTP/1.1 200 ");
    expect_in(&client, "Sallyport-Job: " JOB "\r\n");
    expect_in(&client, "X-Accel-Buffering: no\r\n");
    log_done(&log);
    client_close(&client);
    keeper_expect(MSG_UNWATCH);
    keeper_expect(MSG_UNWATCH);
}

Test(front_output, ends_a_stream_at_once_when_its_caller_loses_the_right)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    struct msg_job job = a_job(JOB_RUNNING, 1);
    ask_records(&client, "?follow=1", "Accept: application/x-ndjson\r\n", &log, &job);
    client_until(&client, "two");
    keeper_refuse(401, "unauthenticated");
    client_until(&client, "{\"type\":\"error\"");
    client_until(&client, "0\r\n\r\n");
    keeper_expect(MSG_UNWATCH); /* of the job; that of the output is over */
    client_close(&client);

    client = client_open();
    ask_bytes(&client, "?follow=1", "", &log, false);
    client_until(&client, "two");
    keeper_refuse(401, "unauthenticated");
    client_until_end(&client);
    cr_expect(strstr(client.text, "\r\n0\r\n\r\n") == NULL, "a broken stream looks whole");
    log_done(&log);
    client_close(&client);
}

Test(front_output, ends_streams_when_the_keeper_goes_away)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    struct msg_job job = a_job(JOB_RUNNING, 1);
    ask_records(&client, "?follow=1", "Accept: text/event-stream\r\n", &log, &job);
    client_until(&client, "id: 13\n");
    channel_done(&rig.keeper);
    client_until(&client, "event: error\ndata: ");
    expect_in(&client, "keeper-down");
    client_until(&client, "0\r\n\r\n");
    log_done(&log);
    client_close(&client);
}

Test(front_output, needs_no_keeper_for_what_was_handed_over)
{
    struct test_log log = log_make();
    struct client client = client_open();
    static char block[65536];
    memset(block, 'x', sizeof block - 1);
    block[sizeof block - 1] = '\n';
    for (int i = 0; i < 256; i++)
        log_add(&log, OUTPUT_STDOUT, block, sizeof block);
    ask_bytes(&client, "", "", &log, true);
    client_until(&client, "\r\n\r\n");
    channel_done(&rig.keeper);
    size_t head = (size_t)(strstr(client.text, "\r\n\r\n") + 4 - client.text);
    size_t left = head + (size_t)log.bytes - client.size;
    for (; left > 0; left -= client.size) {
        client.size = 0;
        cr_assert(client_read(&client), "the download broke %zu bytes before its end", left);
    }
    log_done(&log);
    client_close(&client);
}

static long rss_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return kib;
}

/* 64 MiB, of which each byte depends on its place. */
static struct test_log large_log(void)
{
    static uint8_t block[64 * 1024];
    struct test_log log = log_make();
    for (uint32_t i = 0; i < 1024; i++) {
        for (size_t j = 0; j < sizeof block; j += 4)
            memcpy(block + j, &(uint32_t){ i * 16384 + (uint32_t)j / 4 }, 4);
        log_add(&log, OUTPUT_STDOUT, block, sizeof block);
    }
    return log;
}

Test(front_output, sends_much_output_exactly_and_in_little_memory)
{
    struct test_log log = large_log();
    struct client client = client_open();
    ask_bytes(&client, "?follow=1", "", &log, true);
    client_until(&client, "\r\n\r\n");
    long before = rss_kib(rig.pid), most = before;
    const char *body = strstr(client.text, "\r\n\r\n") + 4;
    char *pending = malloc(400000);
    size_t size = client.size - (size_t)(body - client.text), left = 0;
    memcpy(pending, body, size);
    uint64_t seen = 0;
    uint32_t next = 0;
    for (;;) {
        char *line = memmem(pending, size, "\r\n", 2);
        if (left == 0 && line != NULL) {
            left = strtoul(pending, NULL, 16);
            size -= (size_t)(line + 2 - pending);
            memmove(pending, line + 2, size);
            if (left == 0)
                break;
            cr_assert_eq(left % 4, 0);
        }
        while (left > 0 && size >= left + 2) {
            for (size_t i = 0; i < left; i += 4) {
                uint32_t word;
                memcpy(&word, pending + i, 4);
                cr_assert_eq(word, next++);
            }
            seen += left;
            size -= left + 2;
            memmove(pending, pending + left + 2, size);
            left = 0;
        }
        if (left == 0 && memmem(pending, size, "\r\n", 2) != NULL)
            continue;
        wait_readable(client.fd, "output");
        ssize_t got = read(client.fd, pending + size, 400000 - size);
        cr_assert_gt(got, 0);
        size += (size_t)got;
        if (seen % (1 << 22) == 0 && rss_kib(rig.pid) > most)
            most = rss_kib(rig.pid);
    }
    cr_expect_eq(seen, log.bytes);
    cr_expect_lt(most - before, 16 * 1024, "%ld KiB more than before", most - before);
    free(pending);
    log_done(&log);
    client_close(&client);
}

Test(front_output, holds_one_chunk_for_a_reader_that_stalls)
{
    struct test_log log = large_log();
    struct client clients[8];
    long before = 0;
    for (int i = 0; i < 8; i++) {
        clients[i] = client_open();
        ask_bytes(&clients[i], "?follow=1", "", &log, true);
        client_until(&clients[i], "\r\n\r\n");
        if (i == 0)
            before = rss_kib(rig.pid);
    }
    usleep(300000);
    cr_expect_lt(rss_kib(rig.pid) - before, 8 * 1024, "%ld KiB for 8 stalled readers", rss_kib(rig.pid) - before);
    struct client other = client_open();
    client_send(&other, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(client_reply(&other), 200);
    client_close(&other);
    for (int i = 0; i < 8; i++)
        client_close(&clients[i]);
    log_done(&log);
}

Test(front_output, is_not_drowned_by_a_client_that_floods_while_it_reads)
{
    struct test_log log = three_lines();
    struct client client = client_open();
    static char junk[65536];
    ask_bytes(&client, "?follow=1", "", &log, false);
    client_until(&client, "two");
    long before = rss_kib(rig.pid);
    fcntl(client.fd, F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    for (int i = 0; i < 3000 && sent < 200 * sizeof junk; i++) {
        ssize_t put = write(client.fd, junk, sizeof junk);
        if (put > 0)
            sent += (size_t)put;
        else
            usleep(100);
    }
    cr_expect_lt(rss_kib(rig.pid) - before, 4 * 1024);
    log_done(&log);
    client_close(&client);
    keeper_expect(MSG_UNWATCH);
}
