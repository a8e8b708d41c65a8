/* What a restart of the keeper or of the launcher does to jobs that were under way. */
#include "rig.h"

TestSuite(recover, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

/* As rig_launched(), for pipes whose other ends the "launcher" has kept over our restart. */
static void name_again(const struct job_id *id, int out, int errs)
{
    struct msg_launched launched = { .job_id = *id, .started_unix_ms = clock_unix_ms() };
    int fds[] = { out, errs };
    cr_assert_eq(channel_send(&launcher, MSG_LAUNCHED, 0, &launched, fds, 2, &err), 0);
    rig_turn();
}

Test(recover, keeps_the_queue_in_its_order)
{
    struct job_id ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = rig_job("deploy");
    rig_restart();
    cr_expect_eq(rig_report(&ids[2]).position, 3);
    rig_hello(7, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &ids[0]));
}

Test(recover, goes_on_with_a_running_job_where_its_log_ends)
{
    int out[2], errs[2];
    char log[100];
    cr_assert_eq(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(pipe2(errs, O_CLOEXEC | O_NONBLOCK), 0);
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    name_again(&id, out[0], errs[0]);
    cr_assert_eq(write(out[1], "before ", 7), 7);
    rig_run(10);
    rig_stop();
    cr_assert_eq(write(out[1], "between ", 8), 8);
    cr_assert_eq(write(errs[1], "and ", 4), 4);
    rig_start();
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    rig_hello(7, 1);
    name_again(&id, out[0], errs[0]);
    rig_run(10);
    cr_assert_eq(write(out[1], "after", 5), 5);
    rig_run(10);
    close(out[0]);
    close(errs[0]);
    int fds[] = { out[1], errs[1] };
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct msg_output output = rig_output(&id, log, sizeof log);
    cr_expect(strcmp(log, "before between and after") == 0 || strcmp(log, "before and between after") == 0, "%s", log);
    cr_expect_eq(output.records, 4);
    uint8_t digest[HASH_BYTES];
    hash_sha256(log, strlen(log), digest);
    struct msg_job report = rig_report(&id);
    cr_assert_eq(report.output_sha256.size, HASH_BYTES);
    cr_expect_arr_eq(report.output_sha256.data, digest, HASH_BYTES);
    cr_expect_eq(report.state, JOB_SUCCEEDED);
}

Test(recover, learns_of_an_end_that_came_meanwhile)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_restart();
    rig_hello(7, 1);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_SIGNALLED, 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_expect_eq(rig_report(&id).state, JOB_FAILED);
}

Test(recover, says_again_that_it_has_seen_an_end)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_restart();
    rig_hello(7, 1);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_expect_eq(rig_report(&id).version, rig_report(&id).version);
}

Test(recover, starts_a_job_whose_order_never_arrived)
{
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_restart();
    cr_expect_eq(rig_report(&id).state, JOB_STARTING);
    rig_hello(7, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH), "the same launcher never heard of it");
    cr_expect(job_id_equal(&got.body.launch.job_id, &id));
}

Test(recover, never_starts_a_job_twice)
{
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_restart();
    rig_hello(8, 0);
    cr_expect(!rig_next(&launcher, 100), "%s", message_defs[got.type].name);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_LOST);
    cr_expect_not_null(strstr(report.message, "the launcher ended"));
}

Test(recover, waits_for_the_whole_list_before_it_judges)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id first = rig_running("echo", fds), second = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_restart();
    rig_hello(7, 2);
    cr_expect(!launcher_is_up(keeper));
    int pipes[2];
    rig_launched(&first, pipes);
    cr_expect_eq(rig_report(&second).state, JOB_STARTING);
    int more[2];
    rig_launched(&second, more);
    cr_expect_eq(rig_report(&second).state, JOB_RUNNING);
    cr_expect(launcher_is_up(keeper));
}

Test(recover, calls_a_running_job_lost_that_the_launcher_forgot)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "kept", 4), 4);
    rig_run(10);
    rig_restart();
    rig_hello(7, 0);
    rig_run(20);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_LOST);
    cr_expect_eq(report.output_bytes, 4, "what it wrote is still there");
    cr_expect_eq(report.output_sha256.size, HASH_BYTES);
    char log[10];
    rig_output(&id, log, sizeof log);
    cr_expect_str_eq(log, "kept");
}

Test(recover, loses_running_jobs_with_their_launcher_and_goes_on_with_the_queue)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id running = rig_running("deploy", fds), waiting = rig_job("deploy");
    cr_assert_eq(write(fds[0], "last words", 10), 10);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_hello(8, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &waiting));
    struct msg_job report = rig_report(&running);
    cr_expect_eq(report.state, JOB_LOST);
    cr_expect_eq(report.output_bytes, 10);
}

Test(recover, repeats_a_stop_that_its_launcher_may_not_have_heard)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    struct msg_cancel asked = { .evidence = rig_token(OPS_TOKEN), .job_id = id };
    uint32_t request = rig_say(&front, MSG_CANCEL, &asked);
    rig_expect(request, MSG_CANCELLED);
    rig_restart();
    rig_hello(7, 1);
    int pipes[2];
    rig_launched(&id, pipes);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect(job_id_equal(&got.body.stop.job_id, &id));
    cr_expect_eq(rig_report(&id).state, JOB_STOPPING);
}

Test(recover, stops_what_it_does_not_know)
{
    struct job_id stranger = job_id_new();
    int fds[2];
    rig_hello(7, 1);
    rig_launched(&stranger, fds);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect(job_id_equal(&got.body.stop.job_id, &stranger));
    rig_exited(&stranger, JOB_REASON_CANCELLED, 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
}

Test(recover, removes_standard_input_that_no_job_owns)
{
    char path[160], text[JOB_ID_TEXT_BYTES];
    struct job_id id = job_id_new();
    snprintf(path, sizeof path, "%s/stdin/%s", rig_directory, job_id_text(&id, text));
    close(open(path, O_WRONLY | O_CREAT, 0600));
    rig_restart();
    cr_expect_neq(access(path, F_OK), 0);
}

Test(recover, rejects_waiting_jobs_whose_command_is_gone)
{
    struct job_id gone = rig_job("deploy"), stays = rig_job("echo");
    struct rules rules = rig_rules(2);
    text_copy(rules.policy->commands[3].name, NAME_MAX_BYTES, "renamed");
    keeper_change_rules(keeper, &rules);
    rig_run(10);
    cr_expect_eq(rig_report(&gone).state, JOB_REJECTED);
    cr_expect_eq(rig_report(&stays).state, JOB_QUEUED);
}

Test(recover, rejects_waiting_jobs_whose_values_do_not_fit_any_more)
{
    struct job_id id = rig_job("echo");
    struct rules rules = rig_rules(2);
    rules.policy->commands[0].params[0].rule.max_length = 2;
    matcher_free(rules.matcher);
    cr_assert_eq(matcher_new(rules.policy, &rules.matcher, &err), 0);
    keeper_change_rules(keeper, &rules);
    rig_hello(7, 0);
    rig_run(10);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_REJECTED);
    cr_expect_not_null(strstr(report.message, "do not fit the command's definition any more"));
}

Test(recover, ends_with_the_last_job_when_it_is_shut_down)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id running = rig_running("deploy", fds), waiting = rig_job("deploy");
    shutdown_begin(keeper, 60000);
    rig_turn();
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t request = rig_say(&front, MSG_SUBMIT, &submit);
    rig_expect_refusal(request, 503, "draining");
    keeper->exit_code = 99;
    rig_end(&running, fds, JOB_REASON_EXITED, 0);
    cr_expect_eq(rig_report(&waiting).state, JOB_QUEUED);
    cr_expect_eq(keeper->exit_code, 0);
    rig_restart();
    cr_expect_eq(rig_report(&waiting).state, JOB_QUEUED);
}

Test(recover, stops_what_still_runs_when_the_grace_is_over)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id running = rig_running("echo", fds);
    shutdown_begin(keeper, 50);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    rig_end(&running, fds, JOB_REASON_CANCELLED, 0);
    struct msg_job report = rig_report(&running);
    cr_expect_eq(report.state, JOB_CANCELLED);
    cr_expect_str_eq(report.stopped_by, "shutdown");
    cr_expect_str_eq(report.message, "stopped after 42 s: the service was shut down");
}

Test(recover, is_quick_with_a_full_queue)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t request = 0;
    for (int i = 0; i <= QUEUE_MAX; i++) {
        request = rig_say(&front, MSG_SUBMIT, &submit);
        if (i % 50 == 0 || i == QUEUE_MAX)
            rig_answer(request);
    }
    cr_expect_eq(got.type, MSG_REFUSED);
    cr_expect_str_eq(got.body.refused.code, "queue-full");
    uint64_t before_ms = clock_monotonic_ms();
    rig_restart();
    struct rules rules = rig_rules(2);
    keeper_change_rules(keeper, &rules);
    rig_hello(7, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect_lt(clock_monotonic_ms() - before_ms, 2000, "%llu ms",
                 (unsigned long long)(clock_monotonic_ms() - before_ms));
    cr_expect_eq(keeper->queue.waiting, QUEUE_MAX - SLOTS);
}

Test(recover, a_running_job_keeps_the_output_limit_it_started_with)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("loud", fds); /* 1000 bytes, then it is stopped */
    char text[600];
    memset(text, 'x', sizeof text);
    cr_assert_eq(write(fds[0], text, sizeof text), (ssize_t)sizeof text);
    rig_turn();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_restart();
    struct command *loud = &keeper->rules.policy->commands[policy_find_command(keeper->rules.policy, "loud")];
    loud->output_max_bytes = 1000000;
    loud->output_when_full = OUTPUT_DISCARD;
    rig_hello(7, 1);
    rig_launched(&id, fds);
    cr_assert_eq(write(fds[0], text, sizeof text), (ssize_t)sizeof text);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect_eq(got.body.stop.reason, JOB_REASON_OUTPUT_LIMIT);
    rig_end(&id, fds, JOB_REASON_OUTPUT_LIMIT, 0);
    cr_expect_eq(rig_report(&id).output_bytes, 1000);
}
