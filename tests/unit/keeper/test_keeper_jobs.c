/* One job through the keeper: accepted, launched, followed, ended; and the ends that are not the program's own. */
#include "rig.h"

TestSuite(jobs, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

Test(jobs, go_from_a_submit_to_a_recorded_end)
{
    int fds[2];
    char log[100];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_RUNNING);
    cr_expect_str_eq(report.actor, "ci");
    cr_assert_eq(write(fds[0], "one\n", 4), 4);
    rig_turn();
    cr_assert_eq(write(fds[1], "two\n", 4), 4);
    rig_turn();
    struct msg_output output = rig_output(&id, log, sizeof log);
    cr_expect_str_eq(log, "one\ntwo\n");
    cr_expect(!output.is_complete);
    cr_expect_eq(output.records, 2);
    rig_end(&id, fds, JOB_REASON_EXITED, 3);
    report = rig_report(&id);
    cr_expect_eq(report.state, JOB_FAILED);
    cr_expect_eq(report.exit_code, 3);
    cr_expect_eq(report.output_bytes, 8);
    cr_expect_str_eq(report.message, "exit 3 after 42 s");
    uint8_t digest[HASH_BYTES];
    hash_sha256("one\ntwo\n", 8, digest);
    cr_assert_eq(report.output_sha256.size, HASH_BYTES);
    cr_expect_arr_eq(report.output_sha256.data, digest, HASH_BYTES);
    output = rig_output(&id, log, sizeof log);
    cr_expect(output.is_complete);
    cr_expect_str_eq(log, "one\ntwo\n");
    cr_expect_eq(keeper->jobs.count, 0);
}

Test(jobs, carry_what_the_launcher_needs)
{
    rig_hello(7, 0);
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit.timeout_ms = 5000;
    struct job_id id = rig_accept(&submit);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &id));
    cr_expect_eq(got.body.launch.command, 0);
    cr_expect_eq(got.body.launch.generation, 1);
    cr_expect_eq(got.body.launch.timeout_ms, 5000);
    cr_expect_str_eq(got.body.launch.actor, "ci");
    cr_expect_eq(got.body.launch.params.size, submit.params.size);
    cr_expect_eq(got.body.launch.audit_head.size, HASH_BYTES);
    uint8_t head[HASH_BYTES];
    audit_head(keeper->store, head);
    cr_expect_arr_eq(got.body.launch.audit_head.data, head, HASH_BYTES, "what is stored, nothing newer or older");
}

Test(jobs, wait_while_there_is_no_launcher_and_while_slots_are_taken)
{
    struct job_id ids[4];
    for (int i = 0; i < 4; i++)
        ids[i] = rig_job("echo");
    struct msg_job report = rig_report(&ids[1]);
    cr_expect_eq(report.state, JOB_QUEUED);
    cr_expect_eq(report.position, 2);
    cr_expect_str_eq(report.queued_reason, "waiting for the launcher");
    rig_hello(7, 0);
    for (int i = 0; i < SLOTS; i++) {
        cr_assert(rig_wait(&launcher, MSG_LAUNCH));
        cr_expect(job_id_equal(&got.body.launch.job_id, &ids[i]));
    }
    cr_expect(!rig_next(&launcher, 50), "no third slot");
    report = rig_report(&ids[2]);
    cr_expect_eq(report.position, 1);
    cr_expect_str_eq(report.queued_reason, "waiting for a free slot");
    struct job_id other = rig_job("deploy");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH), "a kind of its own");
    cr_expect(job_id_equal(&got.body.launch.job_id, &other));
    int fds[2];
    rig_launched(&ids[0], fds);
    rig_end(&ids[0], fds, JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(job_id_equal(&got.body.launch.job_id, &ids[2]));
}

Test(jobs, that_could_not_be_built_say_why)
{
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    struct msg_exited exited = { .job_id = id,
                                 .reason = JOB_REASON_LAUNCH_FAILED,
                                 .step = "mount-proc",
                                 .message = "mount /proc: Operation not permitted" };
    rig_say(&launcher, MSG_EXITED, &exited);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_LAUNCH_FAILED);
    cr_expect_str_eq(report.step, "mount-proc");
    cr_expect_str_eq(report.message, "mount /proc: Operation not permitted");
    cr_expect_eq(report.started_unix_ms, 0);
}

Test(jobs, come_back_into_the_queue_when_the_launcher_is_busy_or_has_other_rules)
{
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    for (enum not_launched why = NOT_LAUNCHED_STALE; why <= NOT_LAUNCHED_BUSY; why++) {
        cr_assert(rig_wait(&launcher, MSG_LAUNCH));
        struct msg_not_launched refused = { .job_id = id, .why = (uint8_t)why };
        rig_say(&launcher, MSG_NOT_LAUNCHED, &refused);
        rig_turn();
        cr_expect_eq(rig_report(&id).state, JOB_QUEUED);
    }
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    struct msg_not_launched refused = { .job_id = id,
                                        .why = NOT_LAUNCHED_INVALID,
                                        .detail = "parameter text: too long" };
    rig_say(&launcher, MSG_NOT_LAUNCHED, &refused);
    rig_run(20);
    cr_expect_eq(rig_report(&id).state, JOB_REJECTED);
    cr_expect_str_eq(rig_report(&id).message, "parameter text: too long");
}

static uint32_t cancel(const struct job_id *id, const char *token)
{
    struct msg_cancel asked = { .evidence = rig_token(token), .job_id = *id, .has_grace = true, .grace_ms = 500 };
    return rig_say(&front, MSG_CANCEL, &asked);
}

Test(jobs, are_cancelled_where_they_stand)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id running = rig_running("deploy", fds), waiting = rig_job("deploy");
    uint32_t request = cancel(&waiting, CI_TOKEN);
    rig_expect(request, MSG_CANCELLED);
    cr_expect(got.body.cancelled.has_changed);
    struct msg_job report = rig_report(&waiting);
    cr_expect_eq(report.state, JOB_CANCELLED);
    cr_expect_str_eq(report.message, "cancelled by ci before it started");
    request = cancel(&running, OPS_TOKEN);
    rig_expect(request, MSG_CANCELLED);
    cr_expect_eq(rig_report(&running).state, JOB_STOPPING);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect_eq(got.body.stop.reason, JOB_REASON_CANCELLED);
    cr_expect(got.body.stop.has_grace && got.body.stop.grace_ms == 500);
    rig_end(&running, fds, JOB_REASON_CANCELLED, 0);
    report = rig_report(&running);
    cr_expect_eq(report.state, JOB_CANCELLED);
    cr_expect_str_eq(report.stopped_by, "ops");
    request = cancel(&running, OPS_TOKEN);
    rig_expect(request, MSG_CANCELLED);
    cr_expect(!got.body.cancelled.has_changed);
}

Test(jobs, that_end_by_themselves_have_no_stopper)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("deploy", fds);
    uint32_t request = cancel(&id, OPS_TOKEN);
    rig_expect(request, MSG_CANCELLED);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    cr_expect_str_eq(rig_report(&id).stopped_by, "");
    id = rig_running("deploy", fds);
    rig_end(&id, fds, JOB_REASON_TIMED_OUT, 0);
    cr_expect_str_eq(rig_report(&id).stopped_by, "timeout");
    cr_expect_str_eq(rig_report(&id).message, "stopped after 42 s (timeout)");
}

Test(jobs, get_the_signals_that_their_command_lists)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    struct msg_signal asked = { .evidence = rig_token(CI_TOKEN), .job_id = id, .signal = 9 };
    uint32_t request = rig_say(&front, MSG_SIGNAL, &asked);
    rig_expect_refusal(request, 403, "forbidden");
    asked.signal = 1;
    request = rig_say(&front, MSG_SIGNAL, &asked);
    rig_expect(request, MSG_SIGNALLED);
    cr_assert(rig_wait(&launcher, MSG_SIGNAL_JOB));
    cr_expect_eq(got.body.signal_job.signal, 1);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    request = rig_say(&front, MSG_SIGNAL, &asked);
    rig_expect_refusal(request, 409, "job-not-active");
}

Test(jobs, carry_standard_input_from_one_sealed_file_to_another)
{
    rig_hello(7, 0);
    auto_fd int memfd = -1;
    cr_assert_eq(memfd_sealed("in", "bytes", 5, false, &memfd, &err), 0);
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit.has_stdin = true;
    cr_assert_eq(channel_send(&front, MSG_SUBMIT, 900, &submit, &memfd, 1, &err), 0);
    rig_expect(900, MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_assert(got.body.launch.has_stdin && got.fd_count == 1);
    char bytes[6] = { 0 };
    cr_expect_eq(memfd_check_sealed(got.fds[0], 5, NULL, &err), 0, "%s", err.text);
    cr_expect_eq(read(got.fds[0], bytes, 6), 5);
    cr_expect_str_eq(bytes, "bytes");
    char text[JOB_ID_TEXT_BYTES], path[160];
    snprintf(path, sizeof path, "%s/stdin/%s", rig_directory, job_id_text(&id, text));
    cr_expect_eq(access(path, F_OK), 0, "part of the record while it lives");
    int fds[2];
    rig_launched(&id, fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    cr_expect_neq(access(path, F_OK), 0, "and gone with its end");
}

Test(jobs, keep_secrets_out_of_the_database)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit.params = rig_params("hello", "open-sesame-4711");
    submit.idempotency_key[0] = 'k';
    struct job_id id = rig_accept(&submit);
    struct msg_job report = rig_report(&id);
    struct reader in = { report.params.data, report.params.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0)
        if (span_is(entry.name, "pin"))
            cr_expect(entry.kind == ENTRY_SECRET && entry.value.size == 0);
    char search[200];
    snprintf(search, sizeof search, "grep -rq open-sesame-4711 %s", rig_directory);
    cr_expect_neq(system(search), 0);
    rig_hello(7, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect_not_null(memmem(got.body.launch.params.data, got.body.launch.params.size, "open-sesame-4711", 16));
}

Test(jobs, with_secrets_are_rejected_when_a_restart_has_lost_them)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit.params = rig_params("hello", "open-sesame-4711");
    struct job_id id = rig_accept(&submit);
    rig_restart();
    rig_hello(7, 0);
    rig_run(20);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_REJECTED);
    cr_expect_not_null(strstr(report.message, "never stored; submit it again"), "%s", report.message);
}
