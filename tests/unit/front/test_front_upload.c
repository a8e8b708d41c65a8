/* Uploads: multipart/form-data becomes the same message as JSON, with what its parts hold as sealed memory files. */
#include "rig.h"

#include "sallyport/base/file_bundle.h"

#include "http.h"

TestSuite(front_upload, .init = rig_start, .fini = rig_stop, .timeout = 60);

#define PART(name) "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define END        "\r\n--XX--\r\n"
#define TARGET     "/v1/commands/greet/jobs"

static void send_head(struct client *client, const char *target, const char *type, size_t size)
{
    char head[1024];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: localhost\r\n" TOKEN "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", target,
             type, size);
    client_send(client, head);
}

static void send_form(struct client *client, const char *target, const void *body, size_t size)
{
    send_head(client, target, "multipart/form-data; boundary=XX", size);
    client_send_bytes(client, body, size);
}

static void be_known(void)
{
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
}

Test(front_upload, becomes_one_message_with_input_and_files)
{
    static const char body[] =
        PART("b") "\0\xff\r\n" PART("job") "{\"params\":{\"word\":\"hi\"},\"reason\":\"why\"}\r\n" PART(
            "stdin") "typed\r\n" PART("empty") "\r\n" PART("a") "\r\n--X" END;
    struct client client = client_open();
    struct bundle files;
    struct error err = { 0 };
    char text[8] = "";
    uint64_t size = 0;
    send_form(&client, TARGET, body, sizeof body - 1);
    be_known();
    struct message *message = keeper_expect(MSG_SUBMIT);
    const struct msg_submit *submit = &message->body.submit;
    cr_expect_str_eq(submit->command, "greet");
    cr_expect_str_eq(submit->reason, "why");
    cr_assert(submit->has_stdin && submit->has_files);
    cr_assert_eq(message->fd_count, 2);
    cr_expect_eq(memfd_check_sealed(message->fds[0], 100, &size, &err), 0, "%s", err.text);
    cr_expect_eq(size, 5);
    cr_expect_eq(read(message->fds[0], text, sizeof text), 5, "it stands at its start");
    cr_assert_eq(bundle_read_sealed(message->fds[1], 100, &files, &err), 0, "%s", err.text);
    static const struct {
        const char *name, *bytes;
        size_t size;
    } wanted[] = { { "b", "\0\xff", 2 }, { "empty", "", 0 }, { "a", "\r\n--X", 5 } };
    cr_assert_eq(files.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect_str_eq(files.files[i].name, wanted[i].name);
        cr_assert_eq(files.files[i].bytes, wanted[i].size);
        cr_expect_eq(pread(message->fds[1], text, sizeof text, (off_t)files.files[i].offset) >= (ssize_t)wanted[i].size,
                     true);
        cr_expect_eq(memcmp(text, wanted[i].bytes, wanted[i].size), 0, "%s", wanted[i].name);
    }
    keeper_refuse(422, "params-invalid");
    cr_expect_eq(client_reply(&client), 422);
    client_close(&client);
}

Test(front_upload, may_be_a_dry_run_and_may_have_files_alone)
{
    static const char body[] = PART("a") "1" END;
    struct client client = client_open();
    send_form(&client, "/v1/commands/greet/validate", body, sizeof body - 1);
    be_known();
    struct message *message = keeper_expect(MSG_SUBMIT);
    cr_expect(message->body.submit.is_trial && message->body.submit.has_files && !message->body.submit.has_stdin);
    cr_expect_eq(message->fd_count, 1);
    keeper_answer(MSG_VERDICT, &(struct msg_verdict){ 0 });
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
}

Test(front_upload, is_read_for_those_alone_whom_the_keeper_knows)
{
    static const char body[] = "no form at all";
    struct client client = client_open();
    send_form(&client, TARGET, body, sizeof body - 1);
    keeper_expect(MSG_WHOAMI);
    keeper_refuse(401, "unauthenticated");
    cr_expect_eq(client_reply(&client), 401);
    client_close(&client);
}

Test(front_upload, is_refused_with_the_place_of_its_fault)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *code, *pointer;
    } rows[] = {
        { "", 400, "\"bad-request\"", NULL },
        { PART("a") "1", 400, "\"bad-request\"", NULL },
        { PART("a") "1\r\n" PART("a") "2" END, 400, "\"bad-request\"", "\"/params/a\"" },
        { PART("job") "{}\r\n" PART("job") "{}" END, 400, "\"bad-request\"", "\"/job\"" },
        { PART("stdin") "1\r\n" PART("stdin") "2" END, 400, "\"bad-request\"", "\"/stdin\"" },
        { PART("stdin") "1\r\n" PART("job") "{\"stdin\":\"2\"}" END, 400, "\"bad-request\"", "\"/stdin\"" },
        { PART("job") "[]" END, 400, "\"bad-json\"", NULL },
        { PART("job") "{\"params\":{\"a\":null}}" END, 422, "\"params-invalid\"", "\"/params/a\"" },
    };
    struct client client = client_open();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        send_form(&client, TARGET, rows[i].body, strlen(rows[i].body));
        be_known();
        cr_expect_eq(client_reply(&client), rows[i].status, "%s: %s", rows[i].body, client.text);
        expect_in(&client, rows[i].code);
        if (rows[i].pointer != NULL)
            expect_in(&client, rows[i].pointer);
    }
    send_head(&client, TARGET, "multipart/form-data", 0);
    be_known();
    cr_expect_eq(client_reply(&client), 415);
    client_close(&client);
}

Test(front_upload, of_too_large_a_document_is_refused)
{
    static char body[400 * 1024];
    struct client client = client_open();
    size_t size = (size_t)sprintf(body, PART("job"));
    memset(body + size, ' ', 300 * 1024);
    size += 300 * 1024;
    size += (size_t)sprintf(body + size, END);
    send_form(&client, TARGET, body, size);
    be_known();
    cr_expect_eq(client_reply(&client), 413);
    expect_in(&client, "\"/job\"");
    client_close(&client);
}

Test(front_upload, waits_for_room_and_gives_it_back)
{
    static char body[2 * 1024 * 1024];
    struct client large[3], client;
    size_t size = (size_t)sprintf(body, PART("a"));
    memset(body + size, 'x', sizeof body - 100);
    size += sizeof body - 100;
    size += (size_t)sprintf(body + size, END);
    for (int i = 0; i < 2; i++) { /* what they announce is all but one MiB */
        large[i] = client_open();
        send_head(&large[i], TARGET, "multipart/form-data; boundary=XX",
                  i == 0 ? HTTP_UPLOAD_MAX_BYTES : HTTP_UPLOADS_MAX_BYTES - HTTP_UPLOAD_MAX_BYTES - 1024 * 1024);
    }
    client = client_open(); /* a round trip behind them */
    client_ask(&client, "GET /healthz", "");
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
    client = client_open();
    send_head(&client, TARGET, "multipart/form-data; boundary=XX", size);
    cr_expect_eq(client_reply(&client), 503);
    expect_in(&client, "\"uploads-full\"");
    expect_in(&client, "Retry-After: 5\r\n");
    client_close(&client);
    client_close(&large[0]);
    client = client_open();
    client_ask(&client, "GET /healthz", "");
    cr_expect_eq(client_reply(&client), 200);
    client_close(&client);
    large[2] = client_open();
    send_form(&large[2], TARGET, body, size);
    be_known();
    keeper_expect(MSG_SUBMIT);
    keeper_refuse(422, "params-invalid");
    cr_expect_eq(client_reply(&large[2]), 422);
    client_close(&large[1]);
    client_close(&large[2]);
}

Test(front_upload, that_is_large_is_no_other_kind_of_body)
{
    struct client client = client_open();
    send_head(&client, TARGET, "application/json", 1024 * 1024);
    cr_expect_eq(client_reply(&client), 413);
    client_close(&client);
    client = client_open();
    send_head(&client, TARGET, "multipart/form-data; boundary=XX", (size_t)HTTP_UPLOAD_MAX_BYTES + 1);
    cr_expect_eq(client_reply(&client), 413);
    client_close(&client);
}

Test(front_upload, of_a_client_that_leaves_is_forgotten)
{
    static const char body[] = PART("a") "1" END;
    struct client client = client_open();
    send_form(&client, TARGET, body, sizeof body - 1);
    keeper_expect(MSG_WHOAMI);
    client_close(&client);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect(keeper_hears_nothing());
}
