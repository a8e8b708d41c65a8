/* The group commit: nobody hears of what is not stored, and what happened to a job is never forgotten. */
#include <sqlite3.h>

#include "rig.h"

TestSuite(turn, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

static int count(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(rig_database, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static int commits(void)
{
    return count("SELECT count(*) FROM jobs");
}

Test(turn, answers_a_submit_only_when_it_is_on_the_disk)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    for (int i = 0; i < 40; i++)
        rig_say(&front, MSG_SUBMIT, &submit);
    unsigned answers = 0;
    while (answers < 40) {
        cr_assert(rig_next(&front, 1000));
        if (got.type != MSG_SUBMITTED)
            continue;
        answers++;
        cr_expect_geq(commits(), (int)answers);
    }
}

Test(turn, refuses_a_submit_that_cannot_be_stored_and_forgets_it)
{
    rig_hello(7, 0);
    rig_disk_is_full();
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t request = rig_say(&front, MSG_SUBMIT, &submit);
    rig_expect_refusal(request, 503, "store-full");
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(keeper->queue.waiting, 0);
    rig_disk_has_room();
    cr_expect(!rig_next(&launcher, 50), "and nothing was launched");
    cr_expect_eq(commits(), 0);
    rig_run(1100); /* it is tried again once in a second */
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &id));
    uint64_t entries;
    cr_expect_eq(audit_verify(keeper->store, &entries, &err), 0, "%s", err.text);
}

Test(turn, launches_nothing_before_it_is_stored)
{
    struct job_id id = rig_job("echo");
    rig_disk_is_full();
    rig_hello(7, 0);
    cr_expect(!rig_next(&launcher, 100));
    rig_disk_has_room();
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &id));
}

Test(turn, records_an_end_when_there_is_room_again)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 5);
    cr_expect(!rig_next(&launcher, 100), "no word to the launcher yet");
    rig_disk_has_room();
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.exit_code, 5);
    uint64_t entries;
    cr_expect_eq(audit_verify(keeper->store, &entries, &err), 0, "%s", err.text);
}

Test(turn, cancels_nothing_that_it_cannot_write_down)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_disk_is_full();
    struct msg_cancel asked = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    uint32_t request = rig_say(&front, MSG_CANCEL, &asked);
    rig_expect_refusal(request, 503, "store-full");
    cr_expect(!rig_next(&launcher, 50));
    rig_disk_has_room();
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(turn, tells_a_twin_of_a_submit_that_could_not_be_stored_no_job)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t ids[5];
    strcpy(submit.idempotency_key, "once");
    rig_disk_is_full();
    for (int i = 0; i < 5; i++) /* in one turn: the twins find the first one's key in the open transaction */
        ids[i] = rig_say(&front, MSG_SUBMIT, &submit);
    for (int i = 0; i < 5; i++)
        rig_expect_refusal(ids[i], 503, "store-full");
    rig_disk_has_room();
    rig_run(1100);
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(!got.body.submitted.was_replayed);
    cr_expect_eq(commits(), 1);
}

Test(turn, leaves_no_files_of_a_submit_that_could_not_be_stored)
{
    char command[160];
    rig_hello(7, 0);
    rig_disk_is_full();
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 503, "store-full");
    rig_disk_has_room();
    snprintf(command, sizeof command, "test -z \"$(find %s/output -name '*.log' -o -name '*.idx')\"", rig_directory);
    cr_expect_eq(system(command), 0);
}

static struct msg_job first_of_list(void)
{
    struct msg_list_jobs asked = { .evidence = rig_token(OPS_TOKEN), .limit = 1 };
    rig_expect(rig_say(&front, MSG_LIST_JOBS, &asked), MSG_JOB);
    return got.body.job;
}

Test(turn, tells_what_is_stored_of_a_job_while_the_disk_is_full)
{
    int fds[2];
    uint64_t entries;
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 5);
    rig_run(20);
    cr_assert(keeper->turn.is_behind);
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    cr_expect_eq(first_of_list().state, JOB_RUNNING);
    struct msg_cancel cancel = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    rig_expect_refusal(rig_say(&front, MSG_CANCEL, &cancel), 503, "store-full");
    rig_disk_has_room();
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_expect(!keeper->turn.is_behind);
    cr_expect_eq(rig_report(&id).exit_code, 5);
    cr_expect_eq(first_of_list().state, JOB_FAILED);
    cr_expect_eq(audit_verify(keeper->store, &entries, &err), 0, "%s", err.text);
}

Test(turn, answers_other_requests_while_the_disk_is_full)
{
    struct job_id id = rig_job("echo");
    rig_disk_is_full();
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 503, "store-full");
    cr_assert(keeper->turn.is_behind);
    rig_say(&front, MSG_SUBMIT, &submit);
    cr_expect_eq(rig_report(&id).state, JOB_QUEUED, "in one turn with a submit: that is refused without a try");
    rig_disk_has_room();
    rig_run(1100);
    rig_accept(&submit);
}

Test(turn, records_a_change_of_the_rules_when_there_is_room_again)
{
    struct rules rules = rig_rules(2);
    rig_job("echo"); /* so that the log is larger than what a full disk lets it be */
    rig_disk_is_full();
    keeper_change_rules(keeper, &rules);
    rig_run(20);
    cr_expect_eq(count("SELECT count(*) FROM audit WHERE what = 'config'"), 0);
    rig_disk_has_room();
    rig_run(2500);
    cr_expect_eq(count("SELECT count(*) FROM audit WHERE what = 'config'"), 1);
    cr_expect(!keeper->is_rules_entry_due);
}

Test(turn, ends_with_a_database_that_is_damaged)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    struct error damage = { .code = EBADMSG, .text = "add a job: malformed" };
    turn_spoil(keeper, &damage);
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 500, "internal");
    cr_expect_eq(keeper->exit_code, 78, "another start would find the same");
    cr_expect_eq(commits(), 0);
}

Test(turn, does_not_tell_watchers_what_is_not_stored)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    struct msg_read_job asked = { .evidence = rig_token(CI_TOKEN), .job_id = id, .watch = true };
    uint32_t request = rig_say(&front, MSG_READ_JOB, &asked);
    rig_expect(request, MSG_JOB);
    rig_disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    cr_expect(!rig_next(&front, 100));
    rig_disk_has_room();
    rig_expect(request, MSG_JOB);
    cr_expect_eq(got.body.job.state, JOB_SUCCEEDED);
}
