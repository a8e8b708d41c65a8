/* The group commit: nobody hears of what is not stored, and what happened to a job is never forgotten. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "rig.h"

TestSuite(turn, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

static struct rlimit limit;

/* The largest size of a file stands in for a full disk: no commit succeeds. */
static void disk_is_full(void)
{
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit tight = { 4096, limit.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
}

static void disk_has_room(void)
{
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int commits(void)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(rig_database, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM jobs", -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
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
    disk_is_full();
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t request = rig_say(&front, MSG_SUBMIT, &submit);
    rig_expect_refusal(request, 503, "store-full");
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(keeper->queue.waiting, 0);
    disk_has_room();
    cr_expect(!rig_next(&launcher, 50), "and nothing was launched");
    cr_expect_eq(commits(), 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &id));
    uint64_t entries;
    cr_expect_eq(audit_verify(keeper->store, &entries, &err), 0, "%s", err.text);
}

Test(turn, launches_nothing_before_it_is_stored)
{
    struct job_id id = rig_job("echo");
    disk_is_full();
    rig_hello(7, 0);
    cr_expect(!rig_next(&launcher, 100));
    disk_has_room();
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &id));
}

Test(turn, records_an_end_when_there_is_room_again)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 5);
    cr_expect(!rig_next(&launcher, 100), "no word to the launcher yet");
    disk_has_room();
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
    disk_is_full();
    struct msg_cancel asked = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    uint32_t request = rig_say(&front, MSG_CANCEL, &asked);
    rig_expect_refusal(request, 503, "store-full");
    cr_expect(!rig_next(&launcher, 50));
    disk_has_room();
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(turn, does_not_tell_watchers_what_is_not_stored)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    struct msg_read_job asked = { .evidence = rig_token(CI_TOKEN), .job_id = id, .watch = true };
    uint32_t request = rig_say(&front, MSG_READ_JOB, &asked);
    rig_expect(request, MSG_JOB);
    disk_is_full();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    cr_expect(!rig_next(&front, 100));
    disk_has_room();
    rig_expect(request, MSG_JOB);
    cr_expect_eq(got.body.job.state, JOB_SUCCEEDED);
}
