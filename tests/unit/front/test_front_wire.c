/* The strict reading of requests: by itself, and in front of a real connection. */
#include "rig.h"

#include "wire.h"

TestSuite(front_guard, .init = rig_start, .fini = rig_stop, .timeout = 60);

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static const struct {
    const char *text;
    size_t size; /* 0: of the text */
    enum wire_fault fault;
} heads[] = {
    { GET "\r\n", 0, WIRE_FINE },
    { "GET /%41?x=1&y HTTP/1.0\r\n\r\n", 0, WIRE_FINE },
    { GET "X:\r\nY: \t a b\tc \t\r\nZ: \xff\r\n\r\n", 0, WIRE_FINE },
    { GET "Content-Length: 0\r\n\r\n", 0, WIRE_FINE },
    { POST "Content-Length: 5\r\n\r\n", 0, WIRE_FINE },
    { POST "transfer-encoding:\tChunked \r\n\r\n", 0, WIRE_FINE },
    { POST "Expect: 100-Continue\r\n\r\n", 0, WIRE_FINE },
    { "OPTIONS / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0, WIRE_FINE },
    { "GET / HTTP/1.1\n" HOST "\r\n", 0, WIRE_BARE_LINE_FEED },
    { "GET / HTTP/1.1\r\nHost: a\n\r\n", 0, WIRE_BARE_LINE_FEED },
    { GET "\n", 0, WIRE_BARE_LINE_FEED },
    { GET "X: a\rb\r\n\r\n", 0, WIRE_CONTROL_CHARACTER },
    { GET "X: a\r\r\n\r\n", 0, WIRE_CONTROL_CHARACTER },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 35, WIRE_CONTROL_CHARACTER },
    { GET "X: \x1b[0m\r\n\r\n", 0, WIRE_CONTROL_CHARACTER },
    { GET "X: \x7f\r\n\r\n", 0, WIRE_CONTROL_CHARACTER },
    { "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_CONTROL_CHARACTER },
    { "\r\n" GET "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET\r\n\r\n", 0, WIRE_REQUEST_LINE },
    { "GET /\r\n\r\n", 0, WIRE_REQUEST_LINE },
    { "GET  / HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET / a HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET /  HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { " GET / HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "G(T / HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / HTTP/1.1 \r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / http/1.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / HTTP/1.\t1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / HTTP/01.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / HTTP/4294967297.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / HTTP/1,1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "GET / HTTP/1.9\r\n" HOST "\r\n", 0, WIRE_VERSION },
    { "GET / HTTP/0.9\r\n" HOST "\r\n", 0, WIRE_VERSION },
    { "PRI * HTTP/2.0\r\n\r\n", 0, WIRE_VERSION },
    { "GET / HTTP/-1.1\r\n" HOST "\r\n", 0, WIRE_REQUEST_LINE },
    { "BREW / HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_METHOD },
    { "get / HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_METHOD },
    { "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET http://b/ HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET a HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET ?q HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET //a HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET /#f HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET /\xff HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { "GET /.refused/3 HTTP/1.1\r\n" HOST "\r\n", 0, WIRE_TARGET },
    { GET "X : a\r\n\r\n", 0, WIRE_FIELD },
    { GET "X\t: a\r\n\r\n", 0, WIRE_FIELD },
    { GET ": a\r\n\r\n", 0, WIRE_FIELD },
    { GET "X a\r\n\r\n", 0, WIRE_FIELD },
    { GET "X\xff: a\r\n\r\n", 0, WIRE_FIELD },
    { GET "X: a\r\n b\r\n\r\n", 0, WIRE_FOLDED_FIELD },
    { GET "X: a\r\n\tb\r\n\r\n", 0, WIRE_FOLDED_FIELD },
    { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 0, WIRE_FOLDED_FIELD },
    { GET "Host: a\r\n\r\n", 0, WIRE_FIELD_TWICE },
    { POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 0, WIRE_FIELD_TWICE },
    { POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, WIRE_FIELD_TWICE },
    { GET "Authorization: a\r\nauthorization: b\r\n\r\n", 0, WIRE_FIELD_TWICE },
    { "GET / HTTP/1.1\r\n\r\n", 0, WIRE_HOST },
    { "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, WIRE_HOST },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0, WIRE_HOST },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0, WIRE_HOST },
    { "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 0, WIRE_HOST },
    { "GET / HTTP/1.0\r\nHost: a,b\r\n\r\n", 0, WIRE_HOST },
    { POST "Content-Length: +3\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: -0\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: 0x3\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: 03\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: 3, 3\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: 3 3\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length:\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: 99999999999999999999999\r\n\r\n", 0, WIRE_LENGTH },
    { POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0, WIRE_LENGTH_AND_CODING },
    { POST "Transfer-Encoding: gzip\r\n\r\n", 0, WIRE_CODING },
    { POST "Transfer-Encoding: xchunked\r\n\r\n", 0, WIRE_CODING },
    { POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0, WIRE_CODING },
    { POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, WIRE_CODING },
    { POST "Transfer-Encoding: chunked, identity\r\n\r\n", 0, WIRE_CODING },
    { POST "Transfer-Encoding: chunked;a=b\r\n\r\n", 0, WIRE_CODING },
    { POST "Transfer-Encoding:\r\n\r\n", 0, WIRE_CODING },
    { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, WIRE_CODING },
    { "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n", 0, WIRE_NO_BODY_HERE },
    { GET "Content-Length: 3\r\n\r\n", 0, WIRE_NO_BODY_HERE },
    { GET "Transfer-Encoding: chunked\r\n\r\n", 0, WIRE_NO_BODY_HERE },
    { POST "Content-Length: 1001\r\n\r\n", 0, WIRE_BODY_TOO_LARGE },
    { POST "Expect: more\r\n\r\n", 0, WIRE_EXPECTATION },
};

/* The verdict on bytes that arrive in two parts, as the guard comes to it. */
static enum wire_fault judge(const char *data, size_t size, size_t first_part)
{
    struct wire_scan scan = { 0 };
    struct wire_head head;
    enum wire_fault fault = WIRE_FINE;
    size_t whole = 0;
    int done = wire_scan_head(&scan, data, first_part, &whole, &fault);
    if (done == 0)
        done = wire_scan_head(&scan, data, size, &whole, &fault);
    cr_assert_neq(done, 0);
    if (done > 0) {
        cr_assert_eq(whole, size);
        fault = wire_parse_head(data, whole, 1000, &head);
    }
    return fault;
}

Test(front_wire, comes_to_one_verdict_however_a_head_is_cut)
{
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        size_t size = heads[i].size != 0 ? heads[i].size : strlen(heads[i].text);
        char *copy = malloc(size); /* so that a byte too far is seen */
        memcpy(copy, heads[i].text, size);
        enum wire_fault fault = WIRE_FINE;
        for (size_t cut = 0; cut < size; cut++) {
            /* the bytes behind a fault are none of the verdict's */
            fault = judge(copy, size, cut);
            cr_assert_eq(fault, heads[i].fault, "%zu cut at %zu: %d instead of %d: %s", i, cut, fault, heads[i].fault,
                         heads[i].text);
        }
        free(copy);
    }
}

Test(front_wire, tells_how_long_a_body_is_and_when_a_connection_ends)
{
    static const struct {
        const char *text;
        struct wire_head head;
    } cases[] = {
        { GET "\r\n", { .body = WIRE_BODY_NONE } },
        { POST "\r\n", { .may_have_body = true } },
        { POST "Content-Length: 7\r\n\r\n", { WIRE_BODY_LENGTH, 7, .may_have_body = true } },
        { POST "Content-Length: 0\r\n\r\n", { .may_have_body = true } },
        { POST "Content-Length: 7\r\nExpect: 100-continue\r\n\r\n",
          { WIRE_BODY_LENGTH, 7, .may_have_body = true, .awaits_go_on = true } },
        { "POST / HTTP/1.0\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n",
          { WIRE_BODY_LENGTH, 7, .may_have_body = true } },
        { POST "Transfer-Encoding: chunked\r\nConnection: keep-alive, close\r\n\r\n",
          { WIRE_BODY_CHUNKS, .may_have_body = true, .closes = true } },
        { GET "Connection: Keep-Alive\r\n\r\n", { .body = WIRE_BODY_NONE } },
        { POST "Content-Type: Multipart/Form-Data; boundary=x\r\nContent-Length: 7\r\n\r\n",
          { WIRE_BODY_LENGTH, 7, .may_have_body = true, .is_form = true } },
        { POST "Content-Type: multipart/form-data\r\n\r\n", { .may_have_body = true } },
        { POST "Content-Type: application/json\r\n\r\n", { .may_have_body = true } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_head head, wanted = cases[i].head;
        cr_expect_eq(wire_parse_head(cases[i].text, strlen(cases[i].text), 1000, &head), WIRE_FINE);
        cr_expect(head.body == wanted.body && head.length == wanted.length && head.closes == wanted.closes &&
                      head.may_have_body == wanted.may_have_body && head.awaits_go_on == wanted.awaits_go_on &&
                      head.is_form == wanted.is_form,
                  "%s", cases[i].text);
    }
}

Test(front_wire, finds_the_lines_that_tell_how_a_body_comes)
{
    static const char text[] = POST "Expect: 100-continue\r\nX: Content-Length: 1\r\ncontent-length:7\r\n\r\n";
    struct wire_head head;
    cr_assert_eq(wire_parse_head(text, sizeof text - 1, 1000, &head), WIRE_FINE);
    cr_assert_eq(head.body_line_count, 2);
    cr_expect(strncmp(text + head.body_lines[0].at, "Expect: 100-continue\r\nX:", head.body_lines[0].size + 2) == 0);
    cr_expect_eq(head.body_lines[0].size, strlen("Expect: 100-continue\r\n"));
    cr_expect(strncmp(text + head.body_lines[1].at, "content-length:7\r\n", head.body_lines[1].size) == 0);
    cr_expect_eq(head.body_lines[1].size, strlen("content-length:7\r\n"));
}

Test(front_wire, bounds_the_head_and_its_fields)
{
    static char head[40000];
    struct wire_scan scan = { 0 };
    enum wire_fault fault = WIRE_FINE;
    size_t size = (size_t)sprintf(head, GET "X: "), whole;
    memset(head + size, 'a', 20000);
    cr_expect_eq(wire_scan_head(&scan, head, size + 20000, &whole, &fault), -1);
    cr_expect_eq(fault, WIRE_HEAD_TOO_LARGE);
    size = (size_t)sprintf(head, GET);
    for (int i = 0; i < 100; i++)
        size += (size_t)sprintf(head + size, "X: a\r\n");
    size += (size_t)sprintf(head + size, "\r\n");
    cr_expect_eq(judge(head, size, 0), WIRE_HEAD_TOO_LARGE);
    size = (size_t)sprintf(head, "GET /");
    memset(head + size, 'a', 9000);
    size += 9000;
    size += (size_t)sprintf(head + size, " HTTP/1.1\r\n" HOST "\r\n");
    cr_expect_eq(judge(head, size, 0), WIRE_TARGET_TOO_LONG);
}

/* All there is, one stretch of data after the other; what was taken, and the data. */
static size_t take_chunks(struct wire_chunks *chunks, const char *bytes, size_t size, char *data, bool *ret_is_fine)
{
    size_t taken = 0, data_size, step;
    *ret_is_fine = true;
    do {
        step = wire_take_chunk(chunks, bytes + taken, size - taken, &data_size, ret_is_fine);
        taken += step;
        strncat(data, bytes + taken - data_size, data_size);
    } while (step > 0 && *ret_is_fine);
    return taken;
}

Test(front_wire, takes_chunks_in_their_one_form)
{
    static const struct {
        const char *text;
        bool is_fine;
        size_t taken; /* of those that are fine */
        const char *data;
    } cases[] = {
        { "0\r\n\r\n", true, 5, "" },
        { "3\r\nabc\r\n0\r\n\r\nGET", true, 13, "abc" },
        { "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", true, 36, "01234567890123456789a" },
        { "0x3\r\n", false, 0, NULL },
        { "+3\r\n", false, 0, NULL },
        { " 3\r\n", false, 0, NULL },
        { "3 \r\n", false, 0, NULL },
        { "03\r\n", false, 0, NULL },
        { "00\r\n", false, 0, NULL },
        { "\r\n", false, 0, NULL },
        { "3;a=b\r\n", false, 0, NULL },
        { "3\nabc", false, 0, NULL },
        { "3\r\nabc0\r\n", false, 0, NULL },
        { "3\r\nabcd\r\n", false, 0, NULL },
        { "123456789\r\n", false, 0, NULL },
        { "0\r\nX: a\r\n\r\n", false, 0, NULL },
        { "3\r\nabc\r\n\r\n0\r\n\r\n", false, 0, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = strlen(cases[i].text);
        for (size_t cut = 0; cut <= size; cut++) {
            struct wire_chunks chunks = { 0 };
            char data[64] = "";
            bool is_fine;
            size_t taken = take_chunks(&chunks, cases[i].text, cut, data, &is_fine);
            if (is_fine && taken == cut)
                taken += take_chunks(&chunks, cases[i].text + cut, size - cut, data, &is_fine);
            cr_assert_eq(is_fine, cases[i].is_fine, "%s cut at %zu", cases[i].text, cut);
            if (is_fine)
                cr_assert(taken == cases[i].taken && chunks.state == CHUNK_DONE && strcmp(data, cases[i].data) == 0,
                          "%s cut at %zu: %zu, %s", cases[i].text, cut, taken, data);
        }
    }
}

/* A byte at a time, as the slowest network would deliver. */
static void client_dribble(struct client *client, const char *text)
{
    int one = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (; *text != '\0'; text++) {
        client_send_bytes(client, text, 1);
        usleep(500);
    }
}

static void expect_submit(struct client *client, const char *reason)
{
    struct message *message = keeper_expect(MSG_SUBMIT);
    cr_expect_str_eq(message->body.submit.reason, reason);
    keeper_refuse(403, "forbidden");
    cr_expect_eq(client_reply(client), 403);
}

Test(front_guard, lets_requests_through_however_they_arrive)
{
    static const char chunked[] =
        "POST /v1/commands/greet/jobs HTTP/1.1\r\n" HOST TOKEN "Content-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"rea\r\nA\r\nson\":\"dri\"\r\n1\r\n}\r\n0\r\n\r\n";
    static const char sized[] =
        "POST /v1/commands/greet/jobs HTTP/1.1\r\n" HOST TOKEN "Content-Type: application/json\r\n"
        "Content-Length: 16\r\n\r\n{\"reason\":\"dri\"}";
    struct client client = client_open();
    client_dribble(&client, chunked);
    expect_submit(&client, "dri");
    client_dribble(&client, sized);
    expect_submit(&client, "dri");
    client_send(&client, chunked);
    expect_submit(&client, "dri");
    client_send(&client, "POST /v1/commands/greet/jobs HTTP/1.1\r\n" HOST TOKEN "\r\n");
    expect_submit(&client, "");
    client_close(&client);
}

Test(front_guard, serves_requests_that_came_early_one_after_the_other)
{
    struct client client = client_open();
    client_send(&client,
                "GET /v1/whoami HTTP/1.1\r\n" HOST TOKEN "\r\nPOST /v1/commands/greet/jobs HTTP/1.1\r\n" HOST TOKEN
                "Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"reason\":\"two\"}GET /healthz "
                "HTTP/1.1\r\n" HOST);
    keeper_expect(MSG_WHOAMI);
    cr_expect(keeper_hears_nothing());
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    keeper_expect(MSG_SUBMIT);
    cr_expect_str_eq(rig.last.body.submit.reason, "two");
    keeper_refuse(403, "forbidden");
    client_until(&client, "forbidden");
    client_send(&client, "\r\n");
    client_until(&client, "ok\n");
    client_close(&client);
}

Test(front_guard, answers_a_head_that_is_wrong_with_a_problem_and_ends)
{
    static const struct {
        const char *request;
        unsigned status;
        const char *code;
    } cases[] = {
        { "GET / HTTP/1.1\n", 400, "bad-request" },
        { "BREW / HTTP/1.1\r\n" HOST "\r\n", 501, "method-not-implemented" },
        { "GET / HTTP/3.0\r\n" HOST "\r\n", 505, "version-not-supported" },
        { POST "Expect: tea\r\n\r\n", 417, "expectation-failed" },
        { POST "Content-Length: 10000000\r\n\r\n", 413, "body-too-large" },
        { "GET /.refused/5 HTTP/1.1\r\n" HOST "\r\n", 400, "bad-request" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client client = client_open();
        client_send(&client, cases[i].request);
        client_send(&client, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
        client_until_end(&client);
        char code[64];
        snprintf(code, sizeof code, "\"code\":\"%s\"", cases[i].code);
        cr_expect_eq((unsigned)atoi(client.text + 9), cases[i].status, "%s", client.text);
        expect_in(&client, code);
        expect_in(&client, "Connection:  close\r\n");
        expect_in(&client, "\"instance\":\"/\"");
        cr_expect(strstr(client.text, "200 OK") == NULL);
        client_close(&client);
    }
}

Test(front_guard, lets_a_client_finish_sending_a_body_that_is_refused)
{
    static char body[4 * 1024 * 1024];
    struct client client = client_open();
    client_send(&client, POST "Content-Length: 4194304\r\n\r\n");
    client_send_bytes(&client, body, sizeof body);
    cr_expect_eq(client_reply(&client), 413);
    client_close(&client);
}

Test(front_guard, answers_chunks_that_are_wrong_with_a_problem_and_ends)
{
    struct client client = client_open();
    client_send(&client, "POST /healthz HTTP/1.1\r\n" HOST
                         "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n");
    client_until_end(&client);
    cr_expect_eq(atoi(client.text + 9), 400, "%s", client.text);
    cr_expect(strstr(client.text, "200 OK") == NULL);
    client_close(&client);
}

Test(front_guard, bounds_a_body_in_chunks_with_a_problem_too)
{
    static char data[64 * 1024];
    struct client client = client_open();
    client_send(&client, POST "Transfer-Encoding: chunked\r\n\r\n");
    memset(data, 'a', sizeof data);
    for (unsigned i = 0; i < 9; i++) {
        client_send(&client, "10000\r\n");
        client_send_bytes(&client, data, sizeof data);
        client_send(&client, "\r\n");
    }
    cr_expect_eq(client_reply(&client), 413);
    client_close(&client);
}

Test(front_guard, tells_who_waits_for_it_to_go_on_and_takes_the_body_then)
{
    static const char *const bodies[] = {
        "Content-Length: 16\r\n\r\n",
        "{\"reason\":\"dri\"}",
        "Transfer-Encoding: chunked\r\n\r\n",
        "10\r\n{\"reason\":\"dri\"}\r\n0\r\n\r\n",
    };
    struct client client = client_open();
    for (unsigned i = 0; i < 4; i += 2) {
        client_send(&client, "POST /v1/commands/greet/jobs HTTP/1.1\r\n" HOST TOKEN
                             "Content-Type: application/json\r\nExpect: 100-continue\r\n");
        client_send(&client, bodies[i]);
        client_until(&client, "HTTP/1.1 100 Continue\r\n\r\n");
        cr_expect(keeper_hears_nothing());
        client_send(&client, bodies[i + 1]);
        expect_submit(&client, "dri");
    }
    client_send(&client, POST "Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n");
    cr_expect_eq(client_reply(&client), 413);
    client_close(&client);
}

Test(front_guard, closes_behind_a_client_that_means_to_close)
{
    struct client client = client_open();
    client_send(&client, "GET /healthz HTTP/1.1\r\n" HOST
                         "Connection: keep-alive, close\r\n\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n");
    client_until_end(&client);
    expect_in(&client, "Connection: close\r\n");
    cr_expect(strstr(strstr(client.text, "ok\n"), "HTTP/1.1") == NULL, "%s", client.text);
    client_close(&client);
}

Test(front_guard, survives_clients_that_leave_at_any_byte)
{
    static const char request[] = "POST /v1/commands/greet/jobs HTTP/1.1\r\n" HOST TOKEN "Content-Length: 2\r\n\r\n{}";
    for (size_t size = 0; size < sizeof request - 1; size++) {
        struct client client = client_open();
        client_send_bytes(&client, request, size);
        client_close(&client);
    }
    struct client client = client_open();
    client_send(&client, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}
