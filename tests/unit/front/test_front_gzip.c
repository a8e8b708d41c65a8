/* Compressed downloads: who gets them, that nothing is lost on the way, and how many there are at once. */
#include "rig.h"

#include <zlib.h>

#include "gzip.h"

TestSuite(front_gzip, .init = rig_start, .fini = rig_stop, .timeout = 120);

#define GZIP "Accept-Encoding: gzip\r\n"

static struct test_log three_lines(void)
{
    struct test_log log = log_make();
    log_add_text(&log, OUTPUT_STDOUT, "one\n");
    log_add_text(&log, OUTPUT_STDERR, "oops\n");
    log_add_text(&log, OUTPUT_STDOUT, "two\n");
    return log;
}

static void ask(struct client *client, const char *method, const char *query, const char *headers,
                const struct test_log *log, bool is_complete)
{
    char target[256];
    client->size = 0;
    snprintf(target, sizeof target, "%s /v1/jobs/" JOB "/output%s", method, query);
    client_ask(client, target, headers);
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(log, is_complete);
}

/* Reads to the last chunk and unpacks; the caller frees it. */
static char *unpacked(struct client *client, size_t room, size_t *ret_size)
{
    size_t size;
    client_until(client, "\r\n0\r\n\r\n");
    uint8_t *body = client_chunks(client, &size);
    char *text = malloc(room + 1);
    z_stream stream = { .next_in = body, .avail_in = (uInt)size, .next_out = (Bytef *)text, .avail_out = (uInt)room };
    cr_assert_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    cr_assert_eq(inflate(&stream, Z_FINISH), Z_STREAM_END, "%s", stream.msg);
    cr_assert_eq(stream.avail_in, 0, "bytes behind the end");
    *ret_size = stream.total_out;
    text[*ret_size] = '\0';
    inflateEnd(&stream);
    free(body);
    return text;
}

Test(front_gzip, compresses_text_and_bytes_for_who_asks_for_it)
{
    static const struct {
        const char *query, *headers, *text, *etag;
    } cases[] = {
        { "", GZIP, "one\noops\ntwo\n", "ETag: W/\"" LOG_SHA256_HEX "-gzip\"\r\n" },
        { "", "Accept-Encoding: br, GZIP;q=0.5, identity;q=0.1\r\n", "one\noops\ntwo\n", "" },
        { "?stream=stdout", GZIP "Accept: application/octet-stream\r\n", "one\ntwo\n",
          "ETag: W/\"" LOG_SHA256_HEX "-stdout-gzip\"\r\n" },
        { "?stream=stderr", GZIP, "oops\n", "" },
        { "?offset=4", GZIP, "oops\ntwo\n", "" },
        { "?offset=13", GZIP, "", "" },
        { "?tail=1", GZIP, "two\n", "" },
        { "?tail=1&stream=stdout", GZIP, "two\n", "" },
        { "?follow=0", GZIP, "one\noops\ntwo\n", "" },
    };
    struct test_log log = three_lines();
    struct client client = client_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size;
        ask(&client, "GET", cases[i].query, cases[i].headers, &log, true);
        char *text = unpacked(&client, 100, &size);
        cr_expect_str_eq(text, cases[i].text, "%s %s", cases[i].query, cases[i].headers);
        expect_in(&client, "HTTP/1.1 200 ");
        expect_in(&client, "Content-Encoding: gzip\r\n");
        expect_in(&client, "Vary: Accept, Accept-Encoding\r\n");
        expect_in(&client, cases[i].etag);
        cr_expect(strcasestr(client.text, "Content-Length") == NULL, "%s", client.text);
        cr_expect(strcasestr(client.text, "Accept-Ranges") == NULL, "%s", client.text);
        free(text);
    }
    log_done(&log);
    client_close(&client);
}

Test(front_gzip, leaves_all_other_answers_as_they_are)
{
    static const struct {
        const char *query, *headers;
        unsigned status;
        const char *body;
    } cases[] = {
        { "", "", 200, "one\noops\ntwo\n" },
        { "", "Accept-Encoding: gzip;q=0, *\r\n", 200, "one\noops\ntwo\n" },
        { "", GZIP "Range: bytes=4-7\r\n", 206, "oops" },
        { "", GZIP "Range: bytes=0-1,3-4\r\n", 200, "one\noops\ntwo\n" },
        { "", GZIP "Range: bytes=4-7\r\nIf-Range: W/\"" LOG_SHA256_HEX "-gzip\"\r\n", 200, "one\noops\ntwo\n" },
        { "", GZIP "If-None-Match: \"" LOG_SHA256_HEX "-gzip\"\r\n", 304, "" },
        { "?offset=14", GZIP, 416, NULL },
    };
    struct test_log log = three_lines();
    struct client client = client_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&client, "GET", cases[i].query, cases[i].headers, &log, true);
        cr_expect_eq(client_reply(&client), cases[i].status, "%s %s: %u", cases[i].query, cases[i].headers,
                     client.status);
        if (cases[i].body != NULL)
            cr_expect_str_eq(client.body, cases[i].body);
        expect_in(&client, "Vary: Accept, Accept-Encoding\r\n");
        cr_expect(strstr(client.text, "Content-Encoding") == NULL, "%s", client.text);
    }
    ask(&client, "GET", "?follow=1", GZIP, &log, true);
    client_until(&client, "0\r\n\r\n");
    expect_in(&client, "one\noops\ntwo\n");
    keeper_expect(MSG_UNWATCH);
    client.size = 0;
    client_ask(&client, "GET /v1/jobs/" JOB "/output", GZIP "Accept: application/x-ndjson\r\n");
    keeper_expect(MSG_READ_JOB);
    struct msg_job job = a_job(JOB_SUCCEEDED, 2);
    keeper_answer(MSG_JOB, &job);
    keeper_expect(MSG_READ_OUTPUT);
    log_hand_over(&log, true);
    client_until(&client, "\"type\":\"end\"");
    cr_expect(strstr(client.text, "Content-Encoding") == NULL, "%s", client.text);
    log_done(&log);
    client_close(&client);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The sorted fields of a reply, without those that differ from one reply to the next, and the framing of a body. */
static void fields_of(struct client *client, char *to, size_t room)
{
    static const char *const left_out[] = { "HTTP/", "X-Request-Id:", "Date:", "Transfer-Encoding:" };
    char *lines[32];
    size_t count = 0, used = 0;
    client_until(client, "\r\n\r\n");
    *(strstr(client->text, "\r\n\r\n") + 2) = '\0';
    for (char *line = strtok(client->text, "\r\n"); line != NULL && count < 32; line = strtok(NULL, "\r\n")) {
        lines[count++] = line;
        for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
            if (strncmp(line, left_out[i], strlen(left_out[i])) == 0) {
                count--;
                break;
            }
    }
    qsort(lines, count, sizeof lines[0], by_text);
    for (size_t i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(to + used, room - used, "%s\n", lines[i]);
}

Test(front_gzip, tells_head_what_get_would_get)
{
    static const char *const queries[] = { "", "?stream=stdout", "?offset=4", "?tail=1", "?tail=1&stream=stdout" };
    static const char *const headers[] = { GZIP, "", "Accept-Encoding: gzip;q=0\r\n",
                                           GZIP "Accept: application/octet-stream\r\n" };
    struct test_log log = three_lines();
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        for (size_t j = 0; j < sizeof headers / sizeof headers[0]; j++) {
            char heads[2][2048] = { "", "" };
            for (int k = 0; k < 2; k++) {
                struct client client = client_open();
                ask(&client, k == 0 ? "HEAD" : "GET", queries[i], headers[j], &log, true);
                fields_of(&client, heads[k], sizeof heads[k]);
                client_close(&client);
            }
            cr_expect_str_eq(heads[0], heads[1], "%s %s: %s instead of %s", queries[i], headers[j], heads[0], heads[1]);
            cr_expect_eq(strstr(heads[0], "Content-Encoding: gzip\n") != NULL, j == 0 || j == 3, "%s", heads[0]);
        }
    log_done(&log);
}

/* Random bytes, bytes that are all the same, and both streams in turns of a few bytes. */
static struct test_log mixed_log(char **ret_bytes)
{
    struct test_log log = log_make();
    static char block[1 << 20];
    char *bytes = malloc(8u << 20);
    srand(7);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)rand();
    log_add(&log, OUTPUT_STDOUT, block, sizeof block);
    memcpy(bytes, block, sizeof block);
    memset(block, 'a', sizeof block);
    for (int i = 1; i < 7; i++) {
        log_add(&log, OUTPUT_STDERR, block, sizeof block);
        memcpy(bytes + log.bytes - sizeof block, block, sizeof block);
    }
    for (int i = 0; i < 5000; i++) {
        size_t size = (size_t)snprintf(block, sizeof block, "%d", i);
        memcpy(bytes + log.bytes, block, size);
        log_add(&log, i % 2 == 0 ? OUTPUT_STDOUT : OUTPUT_STDERR, block, size);
    }
    *ret_bytes = bytes;
    return log;
}

Test(front_gzip, loses_nothing_of_what_shrinks_much_or_not_at_all)
{
    char *bytes;
    size_t size;
    struct test_log log = mixed_log(&bytes);
    struct client client = client_open();
    ask(&client, "GET", "", GZIP, &log, true);
    char *text = unpacked(&client, log.bytes, &size);
    cr_assert_eq(size, log.bytes);
    cr_expect(memcmp(text, bytes, size) == 0);
    free(text);
    for (int stream = OUTPUT_STDOUT; stream <= OUTPUT_STDERR; stream++) {
        ask(&client, "GET", stream == OUTPUT_STDOUT ? "?stream=stdout" : "?stream=stderr", GZIP, &log, false);
        text = unpacked(&client, log.bytes, &size);
        cr_expect_eq(size, log.stream_bytes[stream]);
        free(text);
    }
    free(bytes);
    log_done(&log);
    client_close(&client);
}

/* More than the kernel takes off our hands for a client that does not read, and nothing of it shrinks. */
static struct test_log noise_log(void)
{
    struct test_log log = log_make();
    static char block[1 << 20];
    srand(7);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)rand();
    for (int i = 0; i < 32; i++)
        log_add(&log, OUTPUT_STDOUT, block, sizeof block);
    return log;
}

Test(front_gzip, compresses_for_so_many_at_once_and_gives_the_rest_the_bytes)
{
    struct test_log log = noise_log();
    struct client clients[GZIP_COUNT_MAX + 1], other = client_open();
    for (int i = 0; i <= GZIP_COUNT_MAX; i++) {
        clients[i] = client_open();
        ask(&clients[i], "GET", "", GZIP, &log, true);
        client_until(&clients[i], "\r\n\r\n"); /* and no more: the answer cannot end */
        cr_expect_eq(strstr(clients[i].text, "Content-Encoding: gzip\r\n") != NULL, i < GZIP_COUNT_MAX, "%d", i);
    }
    ask(&other, "HEAD", "", GZIP, &log, true);
    client_until(&other, "\r\n\r\n");
    cr_expect(strstr(other.text, "Content-Encoding") == NULL, "%s", other.text);
    client_close(&clients[0]);
    for (int i = 0; i < 100 && strstr(other.text, "Content-Encoding") == NULL; i++) {
        usleep(10000);
        ask(&other, "HEAD", "", GZIP, &log, true);
        client_until(&other, "\r\n\r\n");
    }
    expect_in(&other, "Content-Encoding: gzip\r\n");
    for (int i = 1; i <= GZIP_COUNT_MAX; i++)
        client_close(&clients[i]);
    client_close(&other);
    log_done(&log);
}
