/* What ended jobs leave behind: how long it is kept, and what happens when there is no room for more. */
#include "rig.h"

#include "output_files.h"

TestSuite(retention, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct retention *limits_of(const char *command)
{
    return &keeper->rules.policy->commands[policy_find_command(keeper->rules.policy, command)].retention;
}

/* One whole sweep, as if its time had come. */
static void sweep(void)
{
    uint64_t until = clock_monotonic_ms() + 20000;
    keeper->sweep.begun_ms = 0;
    keeper->sweep.is_due = true;
    retention_tick(keeper);
    while (keeper->sweep.is_on && clock_monotonic_ms() < until)
        rig_run(20);
    cr_assert(!keeper->sweep.is_on, "the sweep ends");
}

static struct job_id ended(const char *command, const char *said)
{
    int fds[2];
    struct job_id id = rig_running(command, fds);
    cr_assert_eq(write(fds[0], said, strlen(said)), (ssize_t)strlen(said));
    rig_turn();
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    return id;
}

static uint32_t ask_output(const struct job_id *id)
{
    struct msg_read_job asked = { .evidence = rig_token(OPS_TOKEN), .job_id = *id };
    return rig_say(&front, MSG_READ_OUTPUT, &asked);
}

static void expect_kept(const struct job_id *id, const char *said)
{
    char log[100];
    rig_output(id, log, sizeof log);
    cr_expect_str_eq(log, said);
}

static void expect_expired(const struct job_id *id)
{
    int fds[2];
    rig_expect_refusal(ask_output(id), 410, "output-expired");
    cr_expect_eq(output_files_read(keeper->state_fd, id, &fds[0], &fds[1], &err), -ENOENT);
}

Test(retention, removes_the_oldest_output_above_the_count_and_keeps_the_record)
{
    rig_hello(7, 0);
    struct job_id first = ended("echo", "one"), second = ended("echo", "two"), third = ended("echo", "three");
    sweep();
    expect_kept(&first, "one");
    limits_of("echo")->count = 1;
    sweep();
    expect_expired(&first);
    expect_expired(&second);
    expect_kept(&third, "three");
    struct msg_job report = rig_report(&first);
    cr_expect_eq(report.state, JOB_SUCCEEDED);
    cr_expect_eq(report.output_bytes, 3, "the record still tells what there was");
}

Test(retention, counts_the_bytes_of_each_command_apart)
{
    rig_hello(7, 0);
    struct job_id first = ended("echo", "one"), second = ended("echo", "two"), other = ended("loud", "other");
    limits_of("echo")->bytes = 3 + OUTPUT_RECORD_BYTES;
    sweep();
    expect_expired(&first);
    expect_kept(&second, "two");
    expect_kept(&other, "other");
}

Test(retention, removes_output_by_age_and_later_the_record)
{
    rig_hello(7, 0);
    struct job_id id = ended("echo", "one");
    limits_of("echo")->age_ms = 1;
    usleep(5000);
    sweep();
    expect_expired(&id);
    limits_of("echo")->records_age_ms = 1;
    sweep();
    struct msg_read_job asked = { .evidence = rig_token(OPS_TOKEN), .job_id = id };
    rig_expect_refusal(rig_say(&front, MSG_READ_JOB, &asked), 404, "not-found");
}

Test(retention, takes_output_along_when_the_record_goes_first)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = ended("echo", "one");
    limits_of("echo")->records_age_ms = 1;
    usleep(5000);
    sweep();
    cr_expect_eq(output_files_read(keeper->state_fd, &id, &fds[0], &fds[1], &err), -ENOENT);
}

Test(retention, does_as_the_defaults_say_for_a_command_that_is_gone)
{
    rig_hello(7, 0);
    struct job_id id = ended("echo", "one");
    text_copy(keeper->rules.policy->commands[0].name, NAME_MAX_BYTES, "renamed");
    keeper->rules.settings.retention.count = 0;
    sweep();
    expect_expired(&id);
}

Test(retention, never_touches_what_somebody_reads)
{
    char text[16] = { 0 };
    rig_hello(7, 0);
    struct job_id id = ended("echo", "still here");
    rig_expect(ask_output(&id), MSG_OUTPUT);
    int fd = fd_take(&got.fds[0]);
    limits_of("echo")->count = 0;
    sweep();
    expect_expired(&id);
    cr_expect_eq(pread(fd, text, sizeof text, 0), 10);
    cr_expect_str_eq(text, "still here");
    close(fd);
}

Test(retention, leaves_running_jobs_alone)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "one", 3), 3);
    rig_turn();
    *limits_of("echo") = (struct retention){ 0 };
    keeper->rules.settings.budget_bytes = 1;
    usleep(5000);
    sweep();
    expect_kept(&id, "one");
    fd_close(&fds[0]);
    fd_close(&fds[1]);
}

Test(retention, frees_the_budget_from_the_oldest_output_of_all_commands)
{
    rig_hello(7, 0);
    struct job_id first = ended("loud", "one"), second = ended("echo", "two"), third = ended("loud", "three");
    keeper->rules.settings.budget_bytes = 8 + 2 * OUTPUT_RECORD_BYTES;
    sweep();
    expect_expired(&first);
    expect_kept(&second, "two");
    expect_kept(&third, "three");
}

Test(retention, refuses_new_jobs_while_running_ones_fill_the_budget)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "0123456789", 10), 10);
    rig_turn();
    keeper->rules.settings.budget_bytes = 10;
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 503, "store-full");
    cr_expect_eq(got.body.refused.retry_after_s, 30);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_job("echo");
}

Test(retention, refuses_new_jobs_while_the_disk_is_too_full_and_no_longer)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    keeper->rules.settings.free_min_bytes = UINT64_MAX;
    retention_tick(keeper);
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 503, "store-full");
    keeper->rules.settings.free_min_bytes = 0;
    retention_tick(keeper);
    rig_accept(&submit);
}

/* Sixty jobs whose output is to go, and a sweep that has begun. */
static void begin_sweep_of_sixty(struct job_id ids[60])
{
    rig_hello(7, 0);
    for (int i = 0; i < 60; i++)
        ids[i] = ended("echo", "some");
    limits_of("echo")->count = 0;
    keeper->sweep.begun_ms = 0;
    keeper->sweep.is_due = true;
    retention_tick(keeper);
    cr_assert(keeper->sweep.is_on);
}

static unsigned files_gone(const struct job_id ids[60])
{
    unsigned gone = 0;
    for (int i = 0; i < 60; i++)
        gone += !output_files_are_there(keeper->state_fd, &ids[i]);
    return gone;
}

/* The unlinker has done all that it was told, and the loop has not heard of it. */
static void wait_for_unlinker(const struct job_id ids[60])
{
    uint64_t until = clock_monotonic_ms() + 5000;
    while (files_gone(ids) < keeper->removals.ordered && clock_monotonic_ms() < until)
        usleep(1000);
    cr_assert_eq(files_gone(ids), keeper->removals.ordered);
}

Test(retention, removes_as_much_as_comes)
{
    struct job_id ids[60];
    begin_sweep_of_sixty(ids);
    keeper->sweep.due = 0;
    retention_after_turn(keeper, 6);
    cr_expect_eq(keeper->removals.ordered, 6);
    wait_for_unlinker(ids);
    cr_expect_eq(keeper->removals.noted, 0, "no record says so before its files are gone");
    rig_turn();
    cr_expect_eq(keeper->removals.unlinked, 6);
    rig_expect_refusal(ask_output(&ids[0]), 410, "output-expired"); /* whatever its record says */
    sweep();
    for (int i = 0; i < 60; i++)
        expect_expired(&ids[i]);
}

Test(retention, notes_again_what_was_undone_with_a_turn)
{
    struct job_id ids[60];
    struct job_record record;
    begin_sweep_of_sixty(ids);
    keeper->sweep.due = 0;
    retention_after_turn(keeper, 20);
    wait_for_unlinker(ids);
    cr_assert_eq(removals_hear(keeper, &err), 0);
    cr_assert_eq(turn_write(keeper, &err), 0);
    turn_spoil(keeper, &(struct error){ .code = EIO, .text = "for a test" });
    turn_end(keeper);
    cr_expect(removals_are_done(&keeper->removals) && !keeper->sweep.is_on);
    cr_assert_eq(store_job_read(keeper->store, &ids[0], &record, &err), 1);
    cr_expect_eq(record.output_fate, OUTPUT_KEPT);
    sweep();
    for (int i = 0; i < 60; i++) {
        cr_assert_eq(store_job_read(keeper->store, &ids[i], &record, &err), 1);
        cr_expect_eq(record.output_fate, OUTPUT_REMOVED);
        expect_expired(&ids[i]);
    }
    uint64_t outputs, bytes;
    cr_assert_eq(store_outputs_total(keeper->store, "", &outputs, &bytes, &err), 0);
    cr_expect(outputs == 0 && bytes == 0);
}

Test(retention, ignores_results_of_what_it_has_forgotten)
{
    struct job_id ids[60];
    begin_sweep_of_sixty(ids);
    keeper->sweep.due = 0;
    retention_after_turn(keeper, 5);
    removals_forget(&keeper->removals);
    retention_after_turn(keeper, 2); /* the same ones, chosen again */
    cr_expect_eq(keeper->removals.ordered, 2);
    rig_run(50);
    cr_expect_leq(keeper->removals.unlinked, keeper->removals.ordered);
    sweep();
    for (int i = 0; i < 60; i++)
        expect_expired(&ids[i]);
}

Test(retention, rides_along_with_the_ends_of_jobs)
{
    struct job_id ids[60];
    begin_sweep_of_sixty(ids);
    for (int i = 0; i < 30; i++)
        ended("echo", "more");
    uint64_t outputs, bytes;
    cr_assert_eq(store_outputs_total(keeper->store, "", &outputs, &bytes, &err), 0);
    cr_expect_leq(outputs, 60 + 30 - 16, "%llu are left", (unsigned long long)outputs);
    sweep();
    for (int i = 0; i < 60; i++)
        expect_expired(&ids[i]);
}

Test(retention, keeps_nothing_but_metadata_when_the_command_says_so)
{
    rig_hello(7, 0);
    keeper->rules.policy->commands[0].keeps_metadata_only = true;
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    struct job_id id = rig_accept(&submit);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect_eq(got.body.launch.params.size, submit.params.size, "the launcher gets them from memory");
    int fds[2];
    rig_launched(&id, fds);
    cr_assert_eq(write(fds[0], "private", 7), 7);
    rig_turn();
    expect_kept(&id, "private");
    cr_expect_eq(rig_report(&id).params.size, 0);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    expect_kept(&id, "private");
    sweep();
    expect_kept(&id, "private");
    struct job_record record;
    cr_assert_eq(store_job_read(keeper->store, &id, &record, &err), 1);
    record.finished_unix_ms -= METADATA_ONLY_MS + 1;
    cr_assert_eq(store_begin(keeper->store, &err), 0);
    cr_assert_eq(store_job_update(keeper->store, &record, &err), 0);
    cr_assert_eq(store_commit(keeper->store, &err), 0);
    rig_expect_refusal(ask_output(&id), 410, "output-expired");
    sweep();
    expect_expired(&id);
    cr_expect_eq(rig_report(&id).output_bytes, 7);
}

Test(retention, rejects_a_waiting_job_whose_parameters_were_nowhere_but_in_memory)
{
    keeper->rules.policy->commands[0].keeps_metadata_only = true;
    struct job_id id = rig_job("echo");
    rig_restart();
    rig_hello(7, 0);
    rig_turn();
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_REJECTED);
    cr_expect(strstr(report.message, "metadata only") != NULL, "%s", report.message);
}

Test(retention, does_not_leave_the_empty_files_of_a_follower_behind)
{
    int fds[2];
    struct job_id id = rig_job("echo");
    rig_expect(ask_output(&id), MSG_OUTPUT);
    cr_assert_eq(output_files_read(keeper->state_fd, &id, &fds[0], &fds[1], &err), 0);
    close(fds[0]);
    close(fds[1]);
    struct msg_cancel cancel = { .evidence = rig_token(OPS_TOKEN), .job_id = id };
    rig_expect(rig_say(&front, MSG_CANCEL, &cancel), MSG_CANCELLED);
    rig_turn();
    cr_expect_eq(output_files_read(keeper->state_fd, &id, &fds[0], &fds[1], &err), -ENOENT);
    expect_kept(&id, "");
}
