/* Callbacks that requests name: where they may go, which ends they hear of, and that a request is the same with them or is not. */
#include <sqlite3.h>

#include "rig.h"

#include "sallyport/job/callback_event.h"
#include "sallyport/store/deliveries.h"

static struct channel notifier;
static const char *allowed = "https://reply.example/hooks";

static void edit(struct rules *rules)
{
    struct command *echo = &rules->policy->commands[policy_find_command(rules->policy, "echo")];
    rules->callbacks = calloc(2, sizeof *rules->callbacks);
    rules->callback_count = 2;
    rules->callbacks[0] = (struct setting_callback){ .name = "chat",
                                                     .url = "https://chat.example/",
                                                     .secret = text_span("0123456789abcdefghijklmn"),
                                                     .timeout_ms = 10000,
                                                     .max_attempts = 2 };
    rules->callbacks[1] = rules->callbacks[0];
    strcpy(rules->callbacks[1].name, "reply");
    strcpy(rules->callbacks[1].url, allowed);
    rules->callbacks[1].is_prefix = true;
    echo->queue.dedupe_ms = 60000;
    echo->queue.dedupe_key.pieces = calloc(1, sizeof *echo->queue.dedupe_key.pieces);
    echo->queue.dedupe_key.piece_count = 1; /* the value of `text` */
}

static void set_up(void)
{
    rig_edit = edit;
    notifier.fd = -1;
    rig_setup();
    rig_hello(7, 0);
    rig_pair(PROCESS_NOTIFIER, &notifier);
}

static void tear_down(void)
{
    channel_done(&notifier);
    rig_teardown();
}

TestSuite(request_callback, .init = set_up, .fini = tear_down, .timeout = 60);

static int count(const char *from)
{
    char sql[256];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", from);
    cr_assert_eq(sqlite3_open(rig_database, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static struct msg_submit naming(const char *command, const char *callback, const char *url)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, command);
    text_copy(submit.callback, sizeof submit.callback, callback);
    text_copy(submit.callback_url, sizeof submit.callback_url, url);
    return submit;
}

static void expect_told(const char *type, const char *url)
{
    char body[8192] = "", wanted[64];
    cr_assert(rig_wait(&notifier, MSG_DELIVER));
    cr_expect_str_eq(got.body.deliver.url, url);
    cr_assert_gt(pread(got.fds[0], body, sizeof body - 1, 0), 0);
    snprintf(wanted, sizeof wanted, "\"type\":\"job.%s\"", type);
    cr_expect_not_null(strstr(body, wanted), "%s: %s", type, body);
}

static void answer(uint32_t status)
{
    struct msg_delivered answer = { .delivery_id = got.body.deliver.delivery_id,
                                    .outcome = OUTCOME_ANSWERED,
                                    .status = status };
    rig_say(&notifier, MSG_DELIVERED, &answer);
    rig_turn();
}

/* The job that a submit became runs to its end. */
static void run(const struct job_id *id, enum job_reason reason, uint32_t exit_code)
{
    int fds[2];
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_assert(job_id_equal(&got.body.launch.job_id, id));
    rig_launched(id, fds);
    rig_end(id, fds, reason, exit_code);
}

Test(request_callback, is_told_of_every_end)
{
    static const struct {
        enum job_reason reason;
        uint32_t exit_code;
        const char *type;
    } ends[] = {
        { JOB_REASON_EXITED, 0, "succeeded" },
        { JOB_REASON_EXITED, 1, "failed" },
        { JOB_REASON_TIMED_OUT, 0, "timed_out" },
        { JOB_REASON_CANCELLED, 0, "cancelled" },
        { JOB_REASON_LAUNCH_FAILED, 0, "launch_failed" },
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct msg_submit submit = naming("head", "chat", "");
        struct job_id id = rig_accept(&submit);
        run(&id, ends[i].reason, ends[i].exit_code);
        expect_told(ends[i].type, "https://chat.example/");
        answer(200);
        cr_expect_eq(count("job_callbacks"), 0, "it was told");
    }
    cr_expect_eq(count("deliveries"), 5, "of its start nothing is told");
}

Test(request_callback, hears_that_a_job_never_ran_or_was_lost)
{
    rig_pair(PROCESS_LAUNCHER, &launcher); /* has not said hello: nothing starts */
    struct msg_submit submit = naming("head", "chat", "");
    struct job_id id = rig_accept(&submit);
    struct msg_cancel cancel = { .evidence = rig_token(OPS_TOKEN), .job_id = id };
    rig_say(&front, MSG_CANCEL, &cancel);
    expect_told("cancelled", "https://chat.example/");
    rig_hello(8, 0);
    struct job_id other = rig_accept(&submit);
    int fds[2];
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(&other, fds);
    rig_hello(9, 0); /* a launcher that knows of no job */
    expect_told("lost", "https://chat.example/");
}

Test(request_callback, is_remembered_by_the_next_keeper)
{
    int fds[2];
    struct msg_submit submit = naming("head", "reply", "https://reply.example/hooks/1");
    struct job_id id = rig_accept(&submit);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(&id, fds);
    rig_restart();
    rig_pair(PROCESS_NOTIFIER, &notifier);
    rig_hello(7, 1);
    rig_launched(&id, fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    expect_told("succeeded", "https://reply.example/hooks/1");
}

Test(request_callback, goes_where_the_configuration_allows_and_nowhere_else)
{
    static const struct {
        const char *callback, *url, *sent; /* sent: NULL when it is refused */
    } cases[] = {
        { "chat", "", "https://chat.example/" },
        { "chat", "https://chat.example/", NULL },
        { "nobody", "", NULL },
        { "", "https://reply.example/hooks/1", NULL },
        { "reply", "", NULL },
        { "reply", "https://reply.example/hooks", "https://reply.example/hooks" },
        { "reply", "https://Reply.Example:443/hooks/a?b=c", "https://reply.example/hooks/a?b=c" },
        { "reply", "https://reply.example/hooks-of-another", NULL },
        { "reply", "https://reply.example/", NULL },
        { "reply", "https://reply.example/Hooks/a", NULL },
        { "reply", "http://reply.example/hooks/a", NULL },
        { "reply", "https://reply.example:8443/hooks/a", NULL },
        { "reply", "https://reply.example.evil.example/hooks/a", NULL },
        { "reply", "https://reply.example@evil.example/hooks/a", NULL },
        { "reply", "https://user:word@reply.example/hooks/a", NULL },
        { "reply", "https://reply.example/hooks/../admin", NULL },
        { "reply", "https://reply.example/hooks/%2e%2e/admin", NULL },
        { "reply", "https://reply.example/hooks/..%2fadmin", NULL },
        { "reply", "https://reply.example/hooks\\@evil.example/", NULL },
        { "reply", "https://reply.example/hooks/a#b", NULL },
        { "reply", "https://reply.example/hooks/\xc3\xa4", NULL },
        { "reply", "file:///etc/passwd", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg_submit submit = naming("head", cases[i].callback, cases[i].url);
        if (cases[i].sent == NULL) {
            rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
            struct reader in = { got.body.refused.errors.data, got.body.refused.errors.size };
            struct entry entry;
            cr_assert_eq(entries_next(&in, &entry), 1);
            cr_expect(entry.name.size == 9 && memcmp(entry.name.data, "/callback", 9) == 0, "case %zu", i);
            cr_expect_null(memmem(got.body.refused.errors.data, got.body.refused.errors.size, "/hooks", 6),
                           "case %zu repeats the URL", i);
            cr_expect_eq(in.left, 0, "case %zu", i);
            continue;
        }
        struct job_id id = rig_accept(&submit);
        run(&id, JOB_REASON_EXITED, 0);
        expect_told("succeeded", cases[i].sent);
        answer(200);
    }
    cr_expect_eq(count("jobs"), 3);
}

Test(request_callback, is_looked_at_again_before_it_is_sent)
{
    struct msg_submit submit = naming("head", "reply", "https://reply.example/hooks/1");
    struct job_id id = rig_accept(&submit);
    run(&id, JOB_REASON_EXITED, 0);
    expect_told("succeeded", "https://reply.example/hooks/1");
    allowed = "https://reply.example/other"; /* in this test's own process */
    rig_restart();
    rig_pair(PROCESS_NOTIFIER, &notifier);
    cr_expect(!rig_next(&notifier, 200));
    cr_expect_eq(count("deliveries WHERE state = 3 AND attempts = 0 AND detail LIKE 'its URL is not below%'"), 1);
}

Test(request_callback, of_one_url_that_is_gone_says_nothing_of_others)
{
    for (int i = 0; i < 2; i++) {
        struct msg_submit submit = naming("head", "reply", "https://reply.example/hooks/1");
        submit.callback_url[strlen(submit.callback_url) - 1] = (char)('1' + i);
        struct job_id id = rig_accept(&submit);
        run(&id, JOB_REASON_EXITED, 0);
        expect_told("succeeded", submit.callback_url);
        answer(410);
    }
    cr_expect_eq(count("deliveries WHERE state = 3 AND attempts = 1"), 2);
}

Test(request_callback, of_a_request_that_joins_a_job_is_told_of_that_job)
{
    struct msg_submit first = rig_submit(CI_TOKEN, "echo"), second = naming("echo", "chat", "");
    struct job_id id = rig_accept(&first);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(rig_say(&front, MSG_SUBMIT, &second), next_request - 1);
        rig_expect(next_request - 1, MSG_SUBMITTED);
        cr_expect(got.body.submitted.was_deduplicated && job_id_equal(&got.body.submitted.job_id, &id));
    }
    cr_expect_eq(count("job_callbacks"), 1, "the same is noted once");
    run(&id, JOB_REASON_EXITED, 1);
    expect_told("failed", "https://chat.example/");
    answer(200);
    cr_expect_eq(count("deliveries"), 1);
    rig_expect(rig_say(&front, MSG_SUBMIT, &second), MSG_SUBMITTED);
    expect_told("failed", "https://chat.example/"); /* it has ended: at once */
    cr_expect_eq(count("job_callbacks"), 0);
}

Test(request_callback, are_so_many_for_one_job_and_no_more)
{
    struct msg_submit submit = naming("echo", "reply", "https://reply.example/hooks/a");
    for (int i = 0; i < CALLBACKS_OF_JOB_MAX; i++) {
        submit.callback_url[strlen(submit.callback_url) - 1] = (char)('a' + i);
        rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    }
    submit.callback_url[strlen(submit.callback_url) - 1] = 'z';
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
    cr_expect_eq(count("job_callbacks"), CALLBACKS_OF_JOB_MAX);
}

Test(request_callback, is_a_part_of_the_request_that_an_idempotency_key_stands_for)
{
    struct msg_submit submit = naming("head", "reply", "https://reply.example/hooks/1");
    strcpy(submit.idempotency_key, "once");
    struct job_id id = rig_accept(&submit);
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed && job_id_equal(&got.body.submitted.job_id, &id));
    cr_expect_eq(count("job_callbacks"), 1);
    struct msg_submit others[] = { submit, submit, submit };
    strcpy(others[0].callback_url, "https://reply.example/hooks/2");
    strcpy(others[1].callback, "chat");
    others[1].callback_url[0] = '\0';
    others[2].callback[0] = others[2].callback_url[0] = '\0';
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &others[i]), 422, "idempotency-mismatch");
}

Test(request_callback, is_not_that_of_a_rerun)
{
    struct msg_submit submit = naming("head", "chat", "");
    struct job_id id = rig_accept(&submit);
    run(&id, JOB_REASON_EXITED, 0);
    expect_told("succeeded", "https://chat.example/");
    answer(200);
    struct msg_submit again = { .evidence = rig_token(OPS_TOKEN), .rerun_of = id };
    struct job_id silent = rig_accept(&again);
    run(&silent, JOB_REASON_EXITED, 0);
    cr_expect(!rig_next(&notifier, 50), "who asks again says who hears of it");
    strcpy(again.callback, "chat");
    struct job_id told = rig_accept(&again);
    run(&told, JOB_REASON_EXITED, 0);
    expect_told("succeeded", "https://chat.example/");
}

Test(request_callback, is_judged_by_a_dry_run_and_not_noted)
{
    struct msg_submit submit = naming("head", "nobody", "");
    submit.is_trial = true;
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_VERDICT);
    cr_expect_str_eq(got.body.verdict.code, "params-invalid");
    strcpy(submit.callback, "chat");
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_VERDICT);
    cr_expect_str_eq(got.body.verdict.code, "");
    cr_expect_eq(count("job_callbacks"), 0);
}

Test(request_callback, of_a_refused_or_unwritten_submit_is_not_kept)
{
    struct msg_submit submit = naming("head", "chat", "");
    rig_disk_is_full();
    rig_answer(rig_say(&front, MSG_SUBMIT, &submit));
    cr_expect_eq(got.type, MSG_REFUSED);
    rig_disk_has_room();
    cr_expect_eq(count("job_callbacks"), 0);
}
