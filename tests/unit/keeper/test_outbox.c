/* What callbacks are told: in the commit of what it tells of, once in the store, and again to a notifier that died. */
#include <sqlite3.h>

#include "rig.h"

#include "sallyport/job/callback_event.h"
#include "sallyport/store/deliveries.h"

static struct channel notifier;

static void add_notice(struct rules *rules, enum callback_event event, uint32_t threshold, uint64_t cool_down_ms)
{
    struct setting_notice *notice = &rules->notices[rules->notice_count++];
    *notice = (struct setting_notice){ .event = (uint8_t)event, .threshold = threshold, .cool_down_ms = cool_down_ms };
    strcpy(notice->command, "echo");
    strcpy(notice->callback, "chat");
}

static void edit(struct rules *rules)
{
    rules->callbacks = calloc(1, sizeof *rules->callbacks);
    rules->callback_count = 1;
    rules->callbacks[0] = (struct setting_callback){ .name = "chat",
                                                     .url = "https://chat.example/",
                                                     .secret = text_span("0123456789abcdefghijklmn"),
                                                     .timeout_ms = 10000,
                                                     .max_attempts = 2 };
    rules->notices = calloc(8, sizeof *rules->notices);
    add_notice(rules, CALLBACK_SUCCEEDED, 1, 0);
    add_notice(rules, CALLBACK_FAILED, 2, 0);
    add_notice(rules, CALLBACK_RECOVERED, 1, 0);
    add_notice(rules, CALLBACK_CANCELLED, 1, 3600000);
    add_notice(rules, CALLBACK_TIMED_OUT, 1, 0);
    rules->notices[rules->notice_count - 1].tail_bytes = 8;
}

static void set_up(void)
{
    rig_edit = edit;
    notifier.fd = -1;
    rig_setup();
    rig_hello(7, 0);
}

static void tear_down(void)
{
    channel_done(&notifier);
    rig_teardown();
}

TestSuite(outbox, .init = set_up, .fini = tear_down, .timeout = 60);

static int count(const char *where)
{
    char sql[256];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM deliveries WHERE %s", where);
    cr_assert_eq(sqlite3_open(rig_database, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static struct job_id run(enum job_reason reason, uint32_t exit_code)
{
    int fds[2];
    struct job_id id = rig_running("echo", fds);
    rig_end(&id, fds, reason, exit_code);
    return id;
}

static struct msg_delivered answer(uint32_t status)
{
    return (struct msg_delivered){ .delivery_id = got.body.deliver.delivery_id,
                                   .outcome = OUTCOME_ANSWERED,
                                   .status = status };
}

static bool body_says(const char *text)
{
    char body[8192] = "";
    cr_assert_eq(got.fd_count, 1);
    cr_assert_gt(pread(got.fds[0], body, sizeof body - 1, 0), 0);
    return strstr(body, text) != NULL;
}

Test(outbox, tells_of_an_end_when_it_is_stored)
{
    char id_text[JOB_ID_TEXT_BYTES];
    rig_pair(PROCESS_NOTIFIER, &notifier);
    struct job_id id = run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    cr_expect_eq(count("state = 1"), 1);
    cr_expect_str_eq(got.body.deliver.url, "https://chat.example/");
    cr_expect(body_says("\"type\":\"job.succeeded\""));
    cr_expect(body_says(job_id_text(&id, id_text)));
    struct msg_delivered good = answer(200);
    rig_say(&notifier, MSG_DELIVERED, &good);
    rig_turn();
    cr_expect_eq(count("state = 2 AND attempts = 1"), 1);
    cr_expect(!rig_next(&notifier, 50), "once");
}

Test(outbox, tries_again_as_often_as_it_may)
{
    rig_pair(PROCESS_NOTIFIER, &notifier);
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    struct msg_delivered bad = answer(500);
    rig_say(&notifier, MSG_DELIVERED, &bad);
    rig_turn();
    cr_expect_eq(count("state = 1 AND attempts = 1 AND due_unix_ms >= created_unix_ms + 5000"), 1);
    cr_expect(!rig_next(&notifier, 50), "not yet");
}

Test(outbox, orders_again_what_a_dead_notifier_or_keeper_had_under_way)
{
    rig_pair(PROCESS_NOTIFIER, &notifier);
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    struct job_id first = got.body.deliver.delivery_id;
    rig_pair(PROCESS_NOTIFIER, &notifier);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    cr_expect(job_id_equal(&got.body.deliver.delivery_id, &first));
    rig_restart();
    rig_pair(PROCESS_NOTIFIER, &notifier);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    cr_expect(job_id_equal(&got.body.deliver.delivery_id, &first));
    cr_expect_eq(count("attempts = 0"), 1);
}

Test(outbox, believes_no_answer_to_what_was_not_ordered)
{
    rig_pair(PROCESS_NOTIFIER, &notifier);
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    struct msg_delivered good = answer(200);
    rig_say(&notifier, MSG_DELIVERED, &good);
    rig_turn();
    rig_say(&notifier, MSG_DELIVERED, &good);
    cr_expect(rig_is_dropped(&notifier));
}

Test(outbox, has_one_row_for_an_end_that_a_full_disk_held_up)
{
    int fds[2];
    rig_pair(PROCESS_NOTIFIER, &notifier);
    struct job_id id = rig_running("echo", fds);
    rig_disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    cr_expect(!rig_next(&notifier, 100), "what is not stored is told to nobody");
    rig_disk_has_room();
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    cr_expect_eq(count("1"), 1);
}

Test(outbox, counts_failures_in_a_row_and_knows_a_recovery)
{
    run(JOB_REASON_EXITED, 1);
    cr_expect_eq(count("event = 3"), 0, "the first");
    run(JOB_REASON_EXITED, 1);
    cr_expect_eq(count("event = 3"), 1);
    rig_restart();
    rig_hello(8, 0);
    run(JOB_REASON_EXITED, 1);
    cr_expect_eq(count("event = 3"), 2, "a restart forgets no row");
    run(JOB_REASON_EXITED, 0);
    cr_expect_eq(count("event = 9"), 1);
    run(JOB_REASON_EXITED, 0);
    cr_expect_eq(count("event = 9"), 1, "recovered once");
    run(JOB_REASON_EXITED, 1);
    cr_expect_eq(count("event = 3"), 2, "a new row begins");
}

Test(outbox, is_silent_while_it_cools_down)
{
    for (int i = 0; i < 3; i++) {
        struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
        struct job_id id = rig_accept(&submit);
        cr_assert(rig_wait(&launcher, MSG_LAUNCH));
        rig_exited(&id, JOB_REASON_CANCELLED, 0);
        cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    }
    cr_expect_eq(count("event = 5"), 1);
}

static struct job_id time_out(const char *output, size_t size)
{
    int fds[2];
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[1], output, size), (ssize_t)size);
    rig_end(&id, fds, JOB_REASON_TIMED_OUT, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    return id;
}

Test(outbox, tells_the_end_of_the_output_where_that_is_wished)
{
    rig_pair(PROCESS_NOTIFIER, &notifier);
    time_out("0123456789", 10);
    cr_expect(body_says("\"tail\":\"23456789\",\"tail_offset\":2}"));
    time_out("01234\xf0\x9f\x98\x80wxyz+", 14); /* the cut is inside */
    cr_expect(body_says("\"tail\":\"wxyz+\",\"tail_offset\":9}"));
    time_out("0123\0\n\"\\789\xff", 12);
    cr_expect(body_says("\"tail_b64\":\"AAoiXDc4Of8=\",\"tail_offset\":4}"));
    time_out("0123\0\n\"\\", 8);
    cr_expect(body_says("\"tail\":\"0123\\u0000\\n\\\"\\\\\",\"tail_offset\":0}"));
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    cr_expect(!body_says("tail"));
}

/* Rows that wait for a callback, not due before long. */
static void fill(const char *callback, unsigned rows, unsigned bytes)
{
    char sql[512];
    sqlite3 *db;
    snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u) INSERT INTO deliveries "
        "(id, job_id, command, event, callback, url, state, attempts, created_unix_ms, due_unix_ms, ended_unix_ms, "
        "detail, body) SELECT randomblob(16), randomblob(16), 'echo', 2, '%s', '', 1, 0, 1, 9000000000000, 0, '', "
        "zeroblob(%u) FROM n",
        rows, callback, bytes);
    cr_assert_eq(sqlite3_open(rig_database, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static uint64_t overflows(void)
{
    struct metric_callback callback = { .target = "chat" };
    deliveries_count(keeper, &callback);
    return callback.overflows;
}

Test(outbox, gives_up_at_once_what_is_beyond_the_bound_of_rows)
{
    fill("chat", CALLBACK_WAITING_ROWS - 1, 10);
    run(JOB_REASON_EXITED, 0);
    cr_expect_eq(count("state = 1"), CALLBACK_WAITING_ROWS, "the last that has room");
    cr_expect_eq(overflows(), 0);
    run(JOB_REASON_EXITED, 0);
    cr_expect_eq(count("state = 1"), CALLBACK_WAITING_ROWS);
    cr_expect_eq(count("state = 3 AND ended_unix_ms > 0 AND attempts = 0 AND length(body) > 100 AND detail LIKE "
                       "'given up at once: 10000 deliveries (%KiB) wait for this callback'"),
                 1);
    cr_expect_eq(overflows(), 1);
    cr_expect_eq(deliveries_backlog(keeper), CALLBACK_WAITING_ROWS);
}

Test(outbox, is_bounded_for_all_callbacks_together)
{
    fill("other", CALLBACKS_WAITING_ROWS, 10);
    run(JOB_REASON_EXITED, 0);
    cr_expect_eq(count("state = 3 AND callback = 'chat' AND detail LIKE '%wait for all callbacks'"), 1);
    cr_expect_eq(overflows(), 1);
}

Test(outbox, is_bounded_in_bytes)
{
    fill("chat", 64, 1024 * 1024 - 4);
    run(JOB_REASON_EXITED, 0);
    cr_expect_eq(count("state = 3 AND callback = 'chat' AND detail LIKE '%wait for this callback'"), 1);
}

Test(outbox, that_is_full_takes_nothing_that_is_to_be_sent_again)
{
    rig_pair(PROCESS_NOTIFIER, &notifier);
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    struct msg_delivered bad = answer(404);
    rig_say(&notifier, MSG_DELIVERED, &bad);
    rig_turn();
    cr_expect_eq(count("state = 3"), 1);
    fill("chat", CALLBACK_WAITING_ROWS, 10);
    struct msg_redeliver again = { .evidence = rig_token(OPS_TOKEN), .delivery_id = bad.delivery_id };
    rig_expect_refusal(rig_say(&front, MSG_REDELIVER, &again), 503, "queue-full");
    cr_expect_eq(count("state = 3"), 1);
}

Test(outbox, counts_what_has_no_room_once_however_often_it_is_written)
{
    int fds[2];
    fill("chat", CALLBACK_WAITING_ROWS, 10);
    struct job_id id = rig_running("echo", fds);
    rig_disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    rig_run(50);
    cr_expect_eq(overflows(), 0);
    rig_disk_has_room();
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_expect_eq(overflows(), 1);
    cr_expect_eq(count("state = 3"), 1);
}

Test(outbox, does_not_forget_a_receiver_that_is_gone_with_its_keeper)
{
    rig_pair(PROCESS_NOTIFIER, &notifier);
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    struct msg_delivered gone = answer(410);
    rig_say(&notifier, MSG_DELIVERED, &gone);
    rig_turn();
    rig_restart();
    rig_pair(PROCESS_NOTIFIER, &notifier);
    rig_hello(8, 0);
    run(JOB_REASON_EXITED, 0);
    cr_expect(!rig_next(&notifier, 100), "it is not asked again");
    cr_expect_eq(count("state = 3 AND attempts = 0 AND detail LIKE '%is gone (410)%'"), 1);
    deliveries_renew(keeper); /* as a reload does */
    rig_turn();
    rig_restart();
    rig_pair(PROCESS_NOTIFIER, &notifier);
    rig_hello(9, 0);
    run(JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    gone = answer(410);
    rig_say(&notifier, MSG_DELIVERED, &gone);
    rig_turn();
    rig_service++; /* the service was started anew */
    rig_restart();
    rig_pair(PROCESS_NOTIFIER, &notifier);
    rig_hello(10, 0);
    run(JOB_REASON_EXITED, 0);
    cr_expect(rig_wait(&notifier, MSG_DELIVER));
}
