/* Searching output: what is found, page by page, and that nobody waits for it. */
#include "rig.h"

#include "search.h"

TestSuite(front_search, .init = rig_start, .fini = rig_stop, .timeout = 120);

static void ask(struct client *client, const char *method, const char *query, const char *headers,
                const struct test_log *log, bool is_complete)
{
    char target[1200];
    client->size = 0;
    client->text[0] = '\0';
    snprintf(target, sizeof target, "%s /v1/jobs/" JOB "/output%s", method, query);
    client_ask(client, target, headers);
    keeper_expect(MSG_READ_OUTPUT);
    cr_assert_not(rig.last.body.read_job.watch);
    log_hand_over(log, is_complete);
}

/* The records of a whole answer, joined; the caller frees them. */
static char *records_of(struct client *client, const char *query, const struct test_log *log, bool is_complete)
{
    size_t size;
    ask(client, "GET", query, "", log, is_complete);
    client_until(client, "\r\n0\r\n\r\n");
    expect_in(client, "HTTP/1.1 200 ");
    expect_in(client, "Content-Type: application/x-ndjson\r\n");
    char *records = (char *)client_chunks(client, &size);
    records = realloc(records, size + 1);
    records[size] = '\0';
    return records;
}

static void expect_records(struct client *client, const char *query, const struct test_log *log, bool is_complete,
                           const char *expected)
{
    char *records = records_of(client, query, log, is_complete);
    cr_expect_str_eq(records, expected, "%s:\n%s", query, records);
    free(records);
}

#define TIME(second) "\"t\":\"2026-03-01T10:00:0" second ".000Z\","

static struct test_log small_log(void)
{
    struct test_log log = log_make();
    log_add_text(&log, OUTPUT_STDOUT, "one needle\ntwo\nthr");
    log_add_text(&log, OUTPUT_STDERR, "a Needle\n");
    log_add_text(&log, OUTPUT_STDOUT, "ee nee");
    log_add_text(&log, OUTPUT_STDERR, "!");
    log_add_text(&log, OUTPUT_STDOUT, "dle\nlast");
    return log;
}

Test(front_search, tells_lines_as_the_log_has_them)
{
    struct test_log log = small_log();
    struct client client = client_open();
    expect_records(&client, "?search=needle", &log, true,
                   "{\"type\":\"match\",\"off\":0,\"line\":1,\"at\":4," TIME(
                       "0") "\"s\":\"out\",\"truncated\":false,\"d\":\"one needle\"}\n"
                            "{\"type\":\"end\",\"scanned\":42,\"matches\":1,\"lines\":4,\"next_offset\":42,"
                            "\"is_complete\":true}\n");
    expect_records(&client, "?search=NEEDLE&ignore_case=1", &log, true,
                   "{\"type\":\"match\",\"off\":0,\"line\":1,\"at\":4," TIME(
                       "0") "\"s\":\"out\",\"truncated\":false,\"d\":\"one needle\"}\n"
                            "{\"type\":\"match\",\"off\":15,\"line\":3,\"at\":20," TIME(
                                "0") "\"s\":\"out\",\"truncated\":false,\"d\":\"thra Needle\"}\n"
                                     "{\"type\":\"end\",\"scanned\":42,\"matches\":2,\"lines\":4,\"next_offset\":42,"
                                     "\"is_complete\":true}\n");
    expect_records(&client, "?search=ee+nee%21", &log, true,
                   "{\"type\":\"match\",\"off\":27,\"line\":4,\"at\":27," TIME(
                       "2") "\"s\":\"out\",\"truncated\":false,\"d\":\"ee nee!dle\"}\n"
                            "{\"type\":\"end\",\"scanned\":42,\"matches\":1,\"lines\":4,\"next_offset\":42,"
                            "\"is_complete\":true}\n");
    expect_records(&client, "?search=nothing", &log, false,
                   "{\"type\":\"end\",\"scanned\":42,\"matches\":0,\"lines\":4,\"next_offset\":38,"
                   "\"is_complete\":false}\n");
    log_done(&log);
    client_close(&client);
}

Test(front_search, tells_lines_as_one_stream_has_them)
{
    struct test_log log = small_log();
    struct client client = client_open();
    expect_records(&client, "?search=needle&stream=stdout", &log, true,
                   "{\"type\":\"match\",\"off\":0,\"line\":1,\"at\":4," TIME(
                       "0") "\"s\":\"out\",\"truncated\":false,\"d\":\"one needle\"}\n"
                            "{\"type\":\"match\",\"off\":15,\"line\":3,\"at\":30," TIME(
                                "0") "\"s\":\"out\",\"truncated\":false,\"d\":\"three needle\"}\n"
                                     "{\"type\":\"end\",\"scanned\":32,\"matches\":2,\"lines\":3,\"next_offset\":42,"
                                     "\"is_complete\":true}\n");
    expect_records(&client, "?search=!&stream=stderr&offset=20", &log, true,
                   "{\"type\":\"match\",\"off\":33,\"line\":2,\"at\":33," TIME(
                       "3") "\"s\":\"err\",\"truncated\":false,\"d\":\"!\"}\n"
                            "{\"type\":\"end\",\"scanned\":8,\"matches\":1,\"lines\":1,\"next_offset\":42,"
                            "\"is_complete\":true}\n");
    log_done(&log);
    client_close(&client);
}

Test(front_search, goes_on_behind_the_last_match_of_a_page)
{
    struct test_log log = log_make();
    struct client client = client_open();
    char line[64], query[128];
    for (int i = 0; i < 1000; i++) { /* every third line has it; streams change in the middle of lines */
        int size = snprintf(line, sizeof line, "line %d%s\n", i, i % 3 == 0 ? " needle" : "");
        log_add(&log, i % 2 == 0 ? OUTPUT_STDOUT : OUTPUT_STDERR, line, 3);
        log_add(&log, OUTPUT_STDOUT, line + 3, (size_t)size - 3);
    }
    unsigned long long offset = 0, lines = 0, pages = 0, next = 0;
    bool is_complete = false;
    while (!is_complete) {
        snprintf(query, sizeof query, "?search=needle&limit=7&offset=%llu", offset);
        char *records = records_of(&client, query, &log, true), *end = strstr(records, "{\"type\":\"end\"");
        unsigned long long off, number, matches, passed;
        for (char *at = records; at < end; at = strchr(at, '\n') + 1) {
            cr_assert_eq(sscanf(at, "{\"type\":\"match\",\"off\":%llu,\"line\":%llu,", &off, &number), 2);
            cr_expect_eq(lines + number - 1, next, "line %llu + %llu instead of %llu", lines, number, next);
            snprintf(line, sizeof line, "\"d\":\"line %llu needle\"}\n", next);
            cr_expect(strstr(at, line) != NULL, "%s", at);
            next += 3;
        }
        cr_assert_eq(sscanf(strstr(end, "\"matches\""), "\"matches\":%llu,\"lines\":%llu,\"next_offset\":%llu,",
                            &matches, &passed, &offset),
                     3);
        is_complete = strstr(end, "\"is_complete\":true") != NULL;
        cr_expect_eq(matches, is_complete ? 5 : 7);
        lines += passed;
        pages++;
        free(records);
    }
    cr_expect_eq(next, 1002);
    cr_expect_eq(pages, 48);
    cr_expect_eq(lines, 1000);
    cr_expect_eq(offset, log.bytes);
    log_done(&log);
    client_close(&client);
}

Test(front_search, is_complete_when_the_last_line_was_the_last_match_that_was_wanted)
{
    struct test_log log = log_make();
    struct client client = client_open();
    log_add_text(&log, OUTPUT_STDOUT, "x\nx\n");
    char *records = records_of(&client, "?search=x&limit=2", &log, true);
    cr_expect(strstr(records, "\"next_offset\":4,\"is_complete\":true") != NULL, "%s", records);
    free(records);
    records = records_of(&client, "?search=x&limit=1", &log, true);
    cr_expect(strstr(records, "\"next_offset\":2,\"is_complete\":false") != NULL, "%s", records);
    free(records);
    records = records_of(&client, "?search=x&offset=4", &log, true);
    cr_expect_str_eq(records, "{\"type\":\"end\",\"scanned\":0,\"matches\":0,\"lines\":0,\"next_offset\":4,"
                              "\"is_complete\":true}\n");
    free(records);
    log_done(&log);
    client_close(&client);
}

/* The rest of the line may still come: it is shown as it is, and again when somebody goes on. */
Test(front_search, finds_the_unfinished_line_of_a_running_job_and_stays_at_its_beginning)
{
    struct test_log log = log_make();
    struct client client = client_open();
    log_add_text(&log, OUTPUT_STDOUT, "done\nPassword: ");
    char *records = records_of(&client, "?search=word", &log, false);
    cr_expect(strstr(records, "\"off\":5,\"line\":2,") != NULL, "%s", records);
    cr_expect(strstr(records, "\"lines\":1,\"next_offset\":5,\"is_complete\":false") != NULL, "%s", records);
    free(records);
    log_add_text(&log, OUTPUT_STDOUT, "x\n");
    records = records_of(&client, "?search=word&offset=5", &log, true);
    cr_expect(strstr(records, "\"off\":5,\"line\":1,") != NULL, "%s", records);
    cr_expect(strstr(records, "\"d\":\"Password: x\"}") != NULL, "%s", records);
    cr_expect(strstr(records, "\"next_offset\":17,\"is_complete\":true") != NULL, "%s", records);
    free(records);
    log_done(&log);
    client_close(&client);
}

Test(front_search, shows_the_beginning_of_lines_that_are_too_long_and_bytes_that_are_no_text)
{
    static char block[1 << 20], expected[6000];
    struct test_log log = log_make();
    struct client client = client_open();
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 3; i++)
        log_add(&log, OUTPUT_STDOUT, block, sizeof block);
    log_add_text(&log, OUTPUT_STDOUT, "needle\n");
    log_add(&log, OUTPUT_STDERR, "\xff\0needle\n", 9);
    memset(block, 'y', 4095);
    log_add(&log, OUTPUT_STDOUT, block, 4095);
    log_add_text(&log, OUTPUT_STDOUT, "\xc3\xa9needle\n"); /* the cut is in the middle of a character */
    char *records = records_of(&client, "?search=needle", &log, true);
    memset(expected, 'x', 4096);
    snprintf(expected + 4096, 10, "\"}\n");
    const char *first = strstr(records, "\"off\":0,\"line\":1,\"at\":3145728,");
    cr_assert(first != NULL && strstr(records, "\"truncated\":true,\"d\":\"xxx") != NULL, "%.200s", records);
    cr_expect_eq(strncmp(strstr(first, "\"d\":\"") + 5, expected, 4099), 0);
    cr_expect(strstr(records, "\"line\":2,\"at\":3145737,") != NULL, "%.200s", strstr(records, "\"line\":2"));
    cr_expect(strstr(records, "\"s\":\"err\",\"truncated\":false,\"b64\":\"/wBuZWVkbGU=\"}") != NULL);
    cr_expect(strstr(records, "yyy\"}\n") != NULL && strstr(records, "\"matches\":3,") != NULL);
    free(records);
    records = records_of(&client, "?search=%ff%00n", &log, true);
    cr_expect(strstr(records, "\"matches\":1,") != NULL, "%s", records);
    free(records);
    log_done(&log);
    client_close(&client);
}

Test(front_search, refuses_what_is_no_search)
{
    static const struct {
        const char *query, *headers;
        unsigned status;
        const char *part;
    } cases[] = {
        { "?search=", "", 400, "1 to 256 bytes" },
        { "?search", "", 400, "1 to 256 bytes" },
        { "?search=a%0ab", "", 400, "newline" },
        { "?search=a%0", "", 400, "hexadecimal" },
        { "?search=a&search=b", "", 400, "twice" },
        { "?search=a&limit=0", "", 400, "'limit'" },
        { "?search=a&limit=1001", "", 400, "'limit'" },
        { "?search=a&limit=x", "", 400, "'limit'" },
        { "?search=a&ignore_case=2", "", 400, "'ignore_case'" },
        { "?search=a&ignore_case", "", 400, "'ignore_case'" },
        { "?search=a&offset=-1", "", 400, "'offset'" },
        { "?search=a&follow=1", "", 400, "'follow'" },
        { "?search=a&tail=1", "", 400, "'tail'" },
        { "?search=a&stream=both", "", 400, "'stream'" },
        { "?ignore_case=1", "", 400, "'search'" },
        { "?limit=5", "", 400, "'search'" },
        { "?offset=%ff", "", 400, "UTF-8" },
        { "?search=a", "Accept: text/plain\r\n", 406, "application/x-ndjson" },
    };
    struct client client = client_open();
    char target[128], text[800] = "?search=";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(target, sizeof target, "GET /v1/jobs/" JOB "/output%s", cases[i].query);
        client_ask(&client, target, cases[i].headers);
        keeper_expect(MSG_WHOAMI);
        keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
        cr_expect_eq(client_reply(&client), cases[i].status, "%s: %u", cases[i].query, client.status);
        expect_in(&client, cases[i].part);
    }
    struct test_log log = small_log();
    memset(text + 8, 'a', 257);
    snprintf(target, sizeof target, "GET /v1/jobs/" JOB "/output?limit=1&");
    char head[1200];
    snprintf(head, sizeof head, "%s%s", target, text + 1);
    client_ask(&client, head, "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 400);
    text[8 + 256] = '\0';
    char *records = records_of(&client, text, &log, true);
    cr_expect(strstr(records, "\"matches\":0,") != NULL, "%s", records);
    free(records);
    ask(&client, "GET", "?search=a&offset=43", "", &log, true);
    cr_expect_eq(client_reply(&client), 416);
    expect_in(&client, "Content-Range: bytes */42\r\n");
    ask(&client, "HEAD", "?search=one", "", &log, true);
    client_until(&client, "\r\n\r\n");
    expect_in(&client, "Content-Type: application/x-ndjson\r\n");
    client_ask(&client, "GET /v1/jobs/" JOB "/output?search=one", "");
    keeper_expect(MSG_READ_OUTPUT);
    keeper_refuse(404, "not-found");
    client.size = 0;
    client_until(&client, "HTTP/1.1 404 ");
    log_done(&log);
    client_close(&client);
}

/* A log that nobody can look through in the time of a test: it is one hole. */
static struct test_log endless_log(void)
{
    struct test_log log = log_make();
    log_add_text(&log, OUTPUT_STDOUT, "first needle\n");
    log.bytes = 1ull << 40;
    cr_assert_eq(ftruncate(log.bytes_fd, (off_t)log.bytes), 0);
    return log;
}

static bool has_come(const struct client *client)
{
    struct pollfd waiting = { .fd = client->fd, .events = POLLIN };
    return poll(&waiting, 1, 0) > 0;
}

Test(front_search, lets_all_others_have_their_turn_and_ends_with_its_client)
{
    struct test_log log = endless_log();
    struct client searchers[SEARCH_COUNT_MAX], other = client_open();
    for (int i = 0; i < SEARCH_COUNT_MAX; i++) {
        searchers[i] = client_open();
        ask(&searchers[i], "GET", "?search=needle", "", &log, true);
        client_until(&searchers[i], "\"off\":0,\"line\":1,"); /* what is found comes at once */
    }
    for (int i = 0; i < 50; i++) {
        client_send(&other, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        cr_expect_eq(client_reply(&other), 200);
    }
    for (int i = 0; i < SEARCH_COUNT_MAX; i++)
        cr_expect_not(has_come(&searchers[i]), "a search through a tebibyte has ended");

    client_ask(&other, "GET /v1/jobs/" JOB "/output?search=x", "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&other), 429);
    expect_in(&other, "Retry-After: 1\r\n");
    client_close(&searchers[0]);
    unsigned tries = 0, status = 429;
    for (; tries < 500 && status == 429; tries++) {
        client_ask(&other, "HEAD /v1/jobs/" JOB "/output?search=x", "");
        wait_readable(rig.keeper.fd, "the question");
        struct error err = { 0 };
        message_done(&rig.last);
        cr_assert_eq(channel_receive(&rig.keeper, &rig.last, &err), 1, "%s", err.text);
        if (rig.last.type == MSG_WHOAMI)
            keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
        else
            log_hand_over(&log, true);
        other.size = 0;
        client_until(&other, "\r\n\r\n");
        status = (unsigned)atoi(other.text + 9);
        usleep(status == 429 ? 10000 : 0);
    }
    cr_expect_eq(status, 200, "the place of a search whose client left is not free after %u tries", tries);
    for (int i = 1; i < SEARCH_COUNT_MAX; i++) {
        cr_expect_not(has_come(&searchers[i]));
        client_close(&searchers[i]);
    }
    log_done(&log);
    client_close(&other);
}

Test(front_search, needs_no_keeper_for_what_was_handed_over)
{
    struct test_log log = endless_log();
    struct client client = client_open(), other = client_open();
    ask(&client, "GET", "?search=needle", "", &log, true);
    client_until(&client, "\"off\":0,\"line\":1,");
    keeper_say(MSG_STATUS, 0, &(struct msg_status){ .is_launcher_up = true, .generation = 7 }, NULL, 0);
    for (unsigned status = 503, wanted = 200; wanted != 0; wanted = wanted == 200 ? 503 : 0) {
        if (wanted == 503)
            channel_done(&rig.keeper);
        for (int i = 0; i < 500 && status != wanted; i++) {
            client_send(&other, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            status = client_reply(&other);
        }
        cr_expect_eq(status, wanted);
    }
    cr_expect_not(has_come(&client), "the search ended with the keeper");
    log_done(&log);
    client_close(&client);
    client_close(&other);
}

static long resident_kib(void)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)rig.pid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return kib;
}

/* Lines that become six times as long in JSON, more than the kernel holds for a client that does not read. */
Test(front_search, finds_no_more_than_its_client_takes)
{
    static char line[4097];
    struct test_log log = log_make();
    struct client client = client_open();
    memset(line, 1, sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 1000; i++)
        log_add(&log, OUTPUT_STDOUT, line, sizeof line);
    ask(&client, "GET", "?search=%01&limit=1000", "", &log, true);
    client_until(&client, "\"line\":1,");
    long before = resident_kib();
    usleep(300000);
    cr_expect_lt(resident_kib() - before, 4 * 1024, "%ld KiB more", resident_kib() - before);
    size_t came = client.size;
    char tail[256] = "";
    while (strstr(tail, "\r\n0\r\n\r\n") == NULL) {
        client.size = 0;
        cr_assert(client_read(&client), "the end came too early");
        came += client.size;
        size_t kept = client.size < sizeof tail - 1 ? client.size : sizeof tail - 1;
        memmove(tail, tail + kept, sizeof tail - 1 - kept);
        memcpy(tail + sizeof tail - 1 - kept, client.text + client.size - kept, kept);
        for (size_t i = 0; i < sizeof tail - 1; i++)
            if (tail[i] == '\0')
                tail[i] = ' ';
    }
    cr_expect_gt(came, 1000 * 6 * 4096);
    cr_expect(strstr(tail, "\"matches\":1000,\"lines\":1000,") != NULL, "%s", tail);
    log_done(&log);
    client_close(&client);
}
