/* What the keeper finds when it opens its records, and what it then says. */
#include "records.h"

#include "rig.h"

TestSuite(records, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

/* Starts on the files as they are. 0, or why not. */
static int start_again(void)
{
    struct rules rules = rig_rules(1);
    int state_fd = open(rig_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct workers workers;
    cr_assert_eq(unlinker_start(state_fd, NULL, NULL, &workers.unlinker, &err), 0, "%s", err.text);
    cr_assert_eq(verifier_start(NULL, NULL, &workers.verifier, &err), 0, "%s", err.text);
    int done = keeper_new(event_base_new(), state_fd, null_fd, -1, &workers, rig_database, &rules, &keeper, &err);
    rules_free(&rules);
    return done;
}

Test(records, may_begin_with_nothing)
{
    rig_stop();
    cr_assert_eq(unlink(rig_database), 0);
    cr_expect_eq(start_again(), 0, "%s", err.text);
}

Test(records, that_are_gone_while_output_is_there_are_not_begun_anew)
{
    int fds[2];
    struct stat st;
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_stop();
    cr_assert_eq(truncate(rig_database, 0), 0);
    cr_expect_eq(start_again(), -EPROTO);
    cr_expect_not_null(strstr(err.text, "is empty"), "%s", err.text);
    cr_assert_eq(stat(rig_database, &st), 0);
    cr_expect_eq(st.st_size, 0);
    cr_assert_eq(unlink(rig_database), 0);
    cr_expect_eq(start_again(), -EPROTO);
    cr_expect_not_null(strstr(err.text, "is missing"), "%s", err.text);
    cr_expect_lt(stat(rig_database, &st), 0);
}

Test(records, know_what_another_start_would_find_again)
{
    static const int hopeless[] = { EBADMSG, EPROTO, EPERM, EACCES, ELOOP },
                     passing[] = { 0, ENOSPC, EROFS, EIO, ENOMEM };
    for (size_t i = 0; i < sizeof hopeless / sizeof hopeless[0]; i++)
        cr_expect(records_are_hopeless(hopeless[i]), "%d", hopeless[i]);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        cr_expect(!records_are_hopeless(passing[i]), "%d", passing[i]);
}
