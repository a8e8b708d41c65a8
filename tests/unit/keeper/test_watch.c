/* Following: news as they come, once for a turn, and never longer than the right to look lasts. */
#include "rig.h"

TestSuite(watch, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

static uint32_t follow(enum msg_type type, const char *token, const struct job_id *id)
{
    struct msg_read_job asked = { .evidence = rig_token(token), .job_id = *id, .watch = true };
    return rig_say(&front, type, &asked);
}

Test(watch, tells_every_change_of_a_job_to_its_end)
{
    int fds[2];
    struct job_id id = rig_job("echo");
    uint32_t request = follow(MSG_READ_JOB, CI_TOKEN, &id);
    rig_expect(request, MSG_JOB);
    cr_expect_eq(got.body.job.state, JOB_QUEUED);
    rig_hello(7, 0);
    rig_expect(request, MSG_JOB);
    cr_expect_eq(got.body.job.state, JOB_STARTING);
    rig_launched(&id, fds);
    rig_expect(request, MSG_JOB);
    cr_expect_eq(got.body.job.state, JOB_RUNNING);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_expect(request, MSG_JOB);
    cr_expect_eq(got.body.job.state, JOB_SUCCEEDED);
    cr_expect_eq(keeper->watches.count, 0, "nothing more will come");
    cr_expect_eq(keeper->jobs.count, 0);
}

Test(watch, tells_growth_and_the_end_of_output)
{
    int fds[2];
    struct job_id id = rig_job("echo");
    uint32_t request = follow(MSG_READ_OUTPUT, CI_TOKEN, &id);
    rig_expect(request, MSG_OUTPUT);
    cr_expect(!got.body.output.is_complete && got.body.output.bytes == 0);
    int log = fd_take(&got.fds[0]);
    rig_hello(7, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(&id, fds);
    cr_assert_eq(write(fds[0], "one", 3), 3);
    rig_expect(request, MSG_GROWN);
    cr_expect(got.body.grown.bytes == 3 && got.body.grown.records == 1 && !got.body.grown.is_complete);
    cr_assert_eq(write(fds[1], "two", 3), 3);
    rig_expect(request, MSG_GROWN);
    cr_expect(got.body.grown.bytes == 6 && got.body.grown.records == 2);
    char bytes[7] = "";
    cr_expect_eq(pread(log, bytes, 6, 0), 6, "the descriptor of before the start sees it all");
    cr_expect_str_eq(bytes, "onetwo");
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    do
        rig_expect(request, MSG_GROWN);
    while (!got.body.grown.is_complete);
    cr_expect_eq(got.body.grown.bytes, 6);
    close(log);
}

Test(watch, of_an_ended_job_is_one_answer)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_run(10);
    rig_expect(follow(MSG_READ_JOB, CI_TOKEN, &id), MSG_JOB);
    rig_expect(follow(MSG_READ_OUTPUT, CI_TOKEN, &id), MSG_OUTPUT);
    cr_expect(got.body.output.is_complete);
    cr_expect_eq(keeper->watches.count, 0);
}

Test(watch, ends_when_it_is_asked_to)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    uint32_t request = follow(MSG_READ_OUTPUT, CI_TOKEN, &id);
    rig_expect(request, MSG_OUTPUT);
    cr_assert_eq(channel_send(&front, MSG_UNWATCH, request, &(struct msg_empty){ 0 }, NULL, 0, &err), 0);
    cr_assert_eq(channel_send(&front, MSG_UNWATCH, 4711, &(struct msg_empty){ 0 }, NULL, 0, &err), 0);
    rig_run(10);
    cr_expect_eq(keeper->watches.count, 0);
    cr_assert_eq(write(fds[0], "one", 3), 3);
    cr_expect(!rig_next(&front, 30));
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(watch, is_cut_when_a_reload_withdraws_the_credential)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    uint32_t of_ci = follow(MSG_READ_OUTPUT, CI_TOKEN, &id);
    rig_expect(of_ci, MSG_OUTPUT);
    uint32_t of_ops = follow(MSG_READ_JOB, OPS_TOKEN, &id), of_guest = follow(MSG_READ_JOB, GUEST_TOKEN, &id);
    rig_expect(of_guest, MSG_JOB);
    struct rules rules = rig_rules(2);
    rules.callers[0].token_sha256[0][0] ^= 1;    /* ci has a new token */
    rules.callers[2].scopes[0].kind = SCOPE_RUN; /* guest lost read:all */
    keeper_change_rules(keeper, &rules);
    rig_run(10);
    cr_expect_eq(keeper->watches.count, 1, "ops stays");
    unsigned cut = 0, status = 0;
    while (rig_next(&front, 50)) {
        status += got.type == MSG_STATUS && got.body.status.generation == 2;
        if (got.type != MSG_REFUSED)
            continue;
        cut++;
        cr_expect_neq(got.request_id, of_ops);
        cr_expect_eq(got.body.refused.status, got.request_id == of_ci ? 401 : 403);
    }
    cr_expect_eq(cut, 2);
    cr_expect_eq(status, 1);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(watch, is_cut_when_its_token_expires)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    keeper->rules.callers[0].expires_unix_ms = clock_unix_ms() + 300;
    uint32_t request = follow(MSG_READ_OUTPUT, CI_TOKEN, &id);
    rig_expect(request, MSG_OUTPUT);
    rig_expect_refusal(request, 401, "unauthenticated");
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(watch, tells_a_slow_front_less_often_and_nothing_less)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    for (int i = 0; i < 500; i++)
        rig_expect(follow(MSG_READ_OUTPUT, CI_TOKEN, &id), MSG_OUTPUT);
    for (int i = 0; i < 500; i++) {
        cr_assert_eq(write(fds[0], "x", 1), 1);
        event_base_loop(keeper->base, EVLOOP_NONBLOCK);
        cr_assert_leq(keeper->front.channel.queued, 1600);
    }
    cr_assert_not(keeper->front.is_lost || !keeper->front.is_connected);
    uint64_t last = 0;
    while (rig_next(&front, 200))
        if (got.type == MSG_GROWN)
            last = got.body.grown.bytes;
    cr_expect_eq(last, 500);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(watch, starts_anew_with_a_new_front)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    follow(MSG_READ_OUTPUT, CI_TOKEN, &id);
    rig_run(5);
    cr_expect_eq(keeper->watches.count, 1);
    rig_pair(PROCESS_FRONT, &front);
    cr_expect_eq(keeper->watches.count, 0);
    cr_assert(rig_wait(&front, MSG_STATUS));
    cr_expect(got.body.status.is_launcher_up);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}
