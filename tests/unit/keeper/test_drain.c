/* A drained service: which is not one that stops (test_recover.c). */
#include "rig.h"

TestSuite(drain, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

static uint32_t ask(const char *token, bool is_on)
{
    struct msg_drain asked = { .evidence = rig_token(token), .is_on = is_on };
    return rig_say(&front, MSG_DRAIN, &asked);
}

static struct msg_drain_state drain(bool is_on)
{
    rig_expect(ask(OPS_TOKEN, is_on), MSG_DRAIN_STATE);
    return got.body.drain_state;
}

static struct msg_drain_state state(void)
{
    struct msg_whoami asked = { .evidence = rig_token(OPS_TOKEN) };
    rig_expect(rig_say(&front, MSG_READ_DRAIN, &asked), MSG_DRAIN_STATE);
    return got.body.drain_state;
}

static void expect_state(struct msg_drain_state is, bool is_on, uint32_t running, uint32_t queued)
{
    cr_expect_eq(is.is_on, is_on);
    cr_expect_eq(is.running, running, "%u run", is.running);
    cr_expect_eq(is.queued, queued, "%u wait", is.queued);
}

static void expect_submit_refused(void)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 503, "draining");
    cr_expect_gt(got.body.refused.retry_after_s, 0);
}

Test(drain, lets_run_what_runs_and_starts_nothing_until_it_is_taken_back)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id running = rig_running("deploy", fds), waiting = rig_job("deploy"); /* its account has one slot */
    expect_state(drain(true), true, 1, 1);
    expect_submit_refused();
    struct msg_job report = rig_report(&waiting);
    cr_expect_eq(report.state, JOB_QUEUED);
    cr_expect_not_null(strstr(report.queued_reason, "drained"));
    rig_end(&running, fds, JOB_REASON_EXITED, 0);
    cr_expect(!rig_next(&launcher, 50), "its slot stays free");
    expect_state(state(), true, 0, 1);
    cr_expect_eq(keeper->exit_code, 0);
    expect_state(drain(false), false, 0, 1);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &waiting));
    rig_job("echo");
}

Test(drain, is_known_to_the_front_before_it_is_answered)
{
    cr_assert(rig_wait(&front, MSG_STATUS));
    cr_expect(!got.body.status.is_drained);
    uint32_t request = ask(OPS_TOKEN, true);
    cr_assert(rig_wait(&front, MSG_STATUS));
    cr_expect(got.body.status.is_drained);
    cr_expect(!got.body.status.is_stopping);
    rig_expect(request, MSG_DRAIN_STATE);
    rig_pair(PROCESS_FRONT, &front); /* one that was started again is told at once */
    cr_assert(rig_wait(&front, MSG_STATUS));
    cr_expect(got.body.status.is_drained);
}

Test(drain, outlives_the_keeper)
{
    struct job_id waiting = rig_job("echo");
    drain(true);
    rig_restart();
    expect_state(state(), true, 0, 1);
    rig_hello(7, 0);
    cr_expect(!rig_next(&launcher, 50));
    expect_submit_refused();
    drain(false);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &waiting));
    rig_restart();
    cr_expect(!state().is_on);
}

static bool take_last_detail(void *arg, const struct audit_row *row)
{
    if (strcmp(row->what, "drain") == 0)
        text_copy(arg, sizeof row->detail, row->detail);
    return true;
}

Test(drain, does_not_outlive_the_service)
{
    char last[ERROR_TEXT_MAX_BYTES] = "";
    uint64_t mark = 0, entries;
    drain(true);
    rig_service++;
    rig_restart();
    expect_state(state(), false, 0, 0);
    rig_job("echo");
    cr_assert_eq(store_mark_read(keeper->store, STORE_MARK_DRAINED, &mark, &err), 0);
    cr_expect_eq(mark, 0, "what looks at the database sees it, too");
    cr_assert_eq(audit_list(keeper->store, &(struct audit_filter){ 0 }, take_last_detail, last, &err), 0);
    cr_expect_str_eq(last, "off: the service was started anew");
    cr_expect_eq(audit_verify(keeper->store, &entries, &err), 0, "%s", err.text);
    rig_service--; /* and no later start that happens to have the number is drained by it */
    rig_restart();
    cr_expect(!state().is_on);
}

Test(drain, that_cannot_be_written_down_does_not_happen)
{
    rig_disk_is_full();
    rig_expect_refusal(ask(OPS_TOKEN, true), 503, "store-full");
    rig_disk_has_room();
    cr_expect(!state().is_on);
    while (keeper->turn.is_behind) /* until what failed was tried again */
        rig_run(10);
    rig_job("echo");
    drain(true);
    rig_disk_is_full();
    rig_expect_refusal(ask(OPS_TOKEN, false), 503, "store-full");
    rig_disk_has_room();
    cr_expect(state().is_on);
    rig_restart();
    cr_expect(state().is_on);
}

Test(drain, is_for_administrators_alone)
{
    static const struct {
        const char *token;
        unsigned status;
        const char *code;
    } callers[] = { { CI_TOKEN, 403, "forbidden" },
                    { GUEST_TOKEN, 403, "forbidden" },
                    { OLD_TOKEN, 401, "unauthenticated" } };
    for (size_t i = 0; i < sizeof callers / sizeof callers[0]; i++) {
        struct msg_whoami asked = { .evidence = rig_token(callers[i].token) };
        rig_expect_refusal(ask(callers[i].token, true), callers[i].status, callers[i].code);
        rig_expect_refusal(rig_say(&front, MSG_READ_DRAIN, &asked), callers[i].status, callers[i].code);
    }
    cr_expect(!state().is_on);
}

Test(drain, tells_what_is_wrong_with_a_submit_before_it_refuses_it)
{
    drain(true);
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit.params = rig_params(NULL, NULL);
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
    submit = rig_submit(GUEST_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 403, "forbidden");
}

Test(drain, keeps_what_the_launcher_gives_back)
{
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    drain(true);
    struct msg_not_launched busy = { .job_id = id, .why = NOT_LAUNCHED_BUSY };
    rig_say(&launcher, MSG_NOT_LAUNCHED, &busy);
    rig_turn();
    expect_state(state(), true, 0, 1);
    cr_expect_eq(rig_report(&id).state, JOB_QUEUED);
}
