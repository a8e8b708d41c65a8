/* Sequences and chains: each step once, in its turn, whatever dies between two of them. */
#include "rig.h"

TestSuite(sequence, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct job_id run_both(void)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "both");
    submit.params = rig_params("one", NULL);
    return rig_accept(&submit);
}

/* The order for the next step, which is given pipes and ended. */
static struct job_id next_step(enum job_reason reason, uint32_t exit_code)
{
    int fds[2];
    cr_assert(rig_wait(&launcher, MSG_LAUNCH), "the next step is ordered");
    struct job_id id = got.body.launch.job_id;
    rig_launched(&id, fds);
    rig_end(&id, fds, reason, exit_code);
    return id;
}

static void expect_no_order(void)
{
    while (rig_next(&launcher, 50))
        cr_expect_neq(got.type, MSG_LAUNCH, "nothing more is started");
}

static const char *text_of(struct span params)
{
    static char text[128];
    struct reader in = { params.data, params.size };
    struct entry entry;
    text[0] = '\0';
    if (entries_next(&in, &entry) == 1)
        text_copy_bytes(text, sizeof text, entry.value.data, entry.value.size);
    return text;
}

/* What the listing of steps says, a word for each. */
static const char *steps_of(const struct job_id *id)
{
    static char text[1024];
    struct msg_read_job asked = { .evidence = rig_token(CI_TOKEN), .job_id = *id };
    uint32_t request = rig_say(&front, MSG_LIST_STEPS, &asked);
    size_t used = 0;
    for (rig_answer(request); got.type == MSG_STEP; rig_answer(request)) {
        const struct msg_step *step = &got.body.step;
        used += (size_t)snprintf(text + used, sizeof text - used, "%u %s %s%s\n", step->index, step->command,
                                 step->is_skipped                ? "skipped"
                                 : job_id_is_none(&step->job_id) ? "pending"
                                                                 : job_state_text(step->state),
                                 step->continues ? " continues" : "");
    }
    cr_assert_eq(got.type, MSG_JOBS_END);
    return text;
}

Test(sequence, runs_its_steps_one_after_another)
{
    rig_hello(7, 0);
    struct job_id id = run_both();
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect_str_eq(text_of(got.body.launch.params), "one");
    cr_expect_eq(got.body.launch.source, JOB_SOURCE_STEP);
    struct job_id step = got.body.launch.job_id;
    expect_no_order();
    int fds[2];
    rig_launched(&step, fds);
    cr_expect_str_eq(steps_of(&id), "1 echo running\n2 loud pending continues\n3 echo pending\n");
    rig_end(&step, fds, JOB_REASON_EXITED, 0);
    struct msg_job report = rig_report(&step);
    cr_expect(job_id_equal(&report.parent, &id));
    cr_expect_eq(report.step_index, 1);
    cr_expect_str_eq(report.actor, "ci");
    next_step(JOB_REASON_EXITED, 9); /* and the sequence goes on */
    next_step(JOB_REASON_EXITED, 0);
    expect_no_order();
    report = rig_report(&id);
    cr_expect_eq(report.state, JOB_SUCCEEDED);
    cr_expect_str_eq(report.message, "all 3 steps are done");
    cr_expect_eq(report.step_count, 3);
    cr_expect_str_eq(steps_of(&id), "1 echo succeeded\n2 loud failed continues\n3 echo succeeded\n");
    cr_expect_eq(keeper->jobs.count, 0);
}

Test(sequence, ends_like_its_first_step_that_failed)
{
    rig_hello(7, 0);
    struct job_id id = run_both();
    next_step(JOB_REASON_TIMED_OUT, 0);
    expect_no_order();
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_TIMED_OUT);
    cr_expect_not_null(strstr(report.message, "step 1 of 3 (echo): "), "%s", report.message);
    cr_expect_str_eq(steps_of(&id), "1 echo timed_out\n2 loud skipped continues\n3 echo skipped\n");
}

Test(sequence, takes_no_slot)
{
    rig_hello(7, 0);
    struct job_id ids[SLOTS + 2];
    for (int i = 0; i < SLOTS + 2; i++)
        ids[i] = run_both();
    for (int i = 0; i < SLOTS + 2; i++)
        cr_expect_eq(rig_report(&ids[i]).state, JOB_RUNNING, "%d", i);
    cr_expect_eq(keeper->queue.waiting, 2);
}

Test(sequence, that_is_cancelled_starts_nothing_more)
{
    rig_hello(7, 0);
    struct job_id id = run_both();
    int fds[2];
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    struct job_id step = got.body.launch.job_id;
    rig_launched(&step, fds);
    struct msg_cancel cancel = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    rig_expect(rig_say(&front, MSG_CANCEL, &cancel), MSG_CANCELLED);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect(job_id_equal(&got.body.stop.job_id, &step));
    cr_expect_eq(rig_report(&id).state, JOB_STOPPING);
    rig_end(&step, fds, JOB_REASON_CANCELLED, 0);
    expect_no_order();
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_CANCELLED);
    cr_expect_str_eq(report.stopped_by, "ci");
    cr_expect_str_eq(steps_of(&id), "1 echo cancelled\n2 loud skipped continues\n3 echo skipped\n");
}

Test(sequence, that_is_cancelled_cancels_the_step_that_waits)
{
    struct job_id id;
    rig_hello(7, 0);
    for (int i = 0; i < SLOTS; i++)
        rig_job("loud");
    id = run_both();
    rig_turn();
    cr_expect_str_eq(steps_of(&id), "1 echo queued\n2 loud pending continues\n3 echo pending\n");
    struct msg_cancel cancel = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    rig_expect(rig_say(&front, MSG_CANCEL, &cancel), MSG_CANCELLED);
    rig_turn();
    cr_expect_eq(rig_report(&id).state, JOB_CANCELLED);
    cr_expect_str_eq(steps_of(&id), "1 echo cancelled\n2 loud skipped continues\n3 echo skipped\n");
}

Test(sequence, runs_each_step_once_although_the_keeper_dies_at_every_moment)
{
    rig_hello(7, 0);
    struct job_id id = run_both(), seen[3];
    for (int i = 0; i < 3; i++) {
        int fds[2];
        rig_restart();
        rig_hello(7, 0);
        cr_assert(rig_wait(&launcher, MSG_LAUNCH), "step %d", i);
        seen[i] = got.body.launch.job_id;
        for (int j = 0; j < i; j++)
            cr_expect(!job_id_equal(&seen[i], &seen[j]));
        rig_launched(&seen[i], fds);
        rig_end(&seen[i], fds, JOB_REASON_EXITED, 0);
    }
    rig_restart();
    rig_hello(7, 0);
    expect_no_order();
    cr_expect_eq(rig_report(&id).state, JOB_SUCCEEDED);
}

Test(sequence, ends_lost_when_its_step_is)
{
    rig_hello(7, 0);
    struct job_id id = run_both();
    int fds[2];
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    struct job_id step = got.body.launch.job_id;
    rig_launched(&step, fds);
    close(fds[0]);
    close(fds[1]);
    rig_hello(8, 0);
    rig_run(50);
    cr_expect_eq(rig_report(&step).state, JOB_LOST);
    cr_expect_eq(rig_report(&id).state, JOB_LOST);
}

Test(sequence, whose_values_do_not_fit_a_step_is_refused_at_once)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "both");
    submit.params = rig_params("-x", NULL);
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
}

static struct msg_submit ad_hoc(const char *first, const char *second, const char *text)
{
    static uint8_t room[2048], params[512];
    struct writer out = { room, sizeof room }, values = { params, sizeof params };
    struct msg_submit submit = { .evidence = rig_token(CI_TOKEN), .command = SEQUENCE_NAME, .parallel = 2 };
    entries_add_text(&values, ENTRY_STRING, "text", text, "");
    struct span span = { params, (uint32_t)(sizeof params - values.left) };
    entries_add(&out, ENTRY_STEP, text_span(first), span, (struct span){ 0 });
    entries_add(&out, ENTRY_STEP, text_span(second), (struct span){ 0 }, (struct span){ 0 });
    submit.steps = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    return submit;
}

Test(sequence, of_a_caller_runs_as_many_steps_at_once_as_asked)
{
    rig_hello(7, 0);
    struct msg_submit submit = ad_hoc("echo", "loud", "x");
    struct job_id id = rig_accept(&submit);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_assert(rig_wait(&launcher, MSG_LAUNCH), "both at once");
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_RUNNING);
    cr_expect_str_eq(report.command, "sequence");
    cr_expect_eq(report.step_count, 2);
}

Test(sequence, of_a_caller_has_only_what_the_caller_may_run)
{
    struct msg_submit submit = ad_hoc("echo", "nope", "x");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
    struct reader in = { got.body.refused.errors.data, got.body.refused.errors.size };
    struct entry entry;
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.name, "/steps/1/command"));
    submit = ad_hoc("echo", "loud", "-x");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
    in = (struct reader){ got.body.refused.errors.data, got.body.refused.errors.size };
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.name, "/steps/0/params/text"));
}

Test(sequence, without_steps_is_no_honest_front_s)
{
    struct msg_submit submit = { .evidence = rig_token(CI_TOKEN), .command = SEQUENCE_NAME };
    rig_say(&front, MSG_SUBMIT, &submit);
    cr_expect(rig_is_dropped(&front));
}

/* The text that a job was given, or its command, for the orders that come now. */
static void expect_orders(const char *const *wanted, int count)
{
    bool has[4] = { false };
    for (int i = 0; i < count; i++) {
        cr_assert(rig_wait(&launcher, MSG_LAUNCH), "order %d of %d", i + 1, count);
        const struct msg_launch *launch = &got.body.launch;
        const char *name = keeper->rules.policy->commands[launch->command].name;
        cr_expect_eq(launch->source, JOB_SOURCE_CHAIN);
        for (int j = 0; j < count; j++)
            has[j] |= strcmp(wanted[j], launch->params.size > 0 ? text_of(launch->params) : name) == 0;
    }
    for (int j = 0; j < count; j++)
        cr_expect(has[j], "%s", wanted[j]);
    expect_no_order();
}

Test(sequence, chains_follow_a_success)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("first", fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    expect_orders((const char *const[]){ "loud", "head" }, 2);
}

Test(sequence, chains_follow_a_failure_and_are_told_of_it)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("first", fds);
    rig_end(&id, fds, JOB_REASON_TIMED_OUT, 0);
    expect_orders((const char *const[]){ "timed_out", "head" }, 2);
}

Test(sequence, chains_clean_up_behind_a_cancelled_job_and_do_no_more)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("first", fds);
    rig_end(&id, fds, JOB_REASON_CANCELLED, 0);
    expect_orders((const char *const[]){ "head" }, 1);
}

Test(sequence, chains_survive_a_keeper_that_dies_behind_the_end)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("first", fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_restart();
    rig_hello(8, 0);
    rig_turn();
    struct msg_list_jobs list = { .evidence = rig_token(OPS_TOKEN), .parent = id };
    uint32_t request = rig_say(&front, MSG_LIST_JOBS, &list);
    unsigned children = 0;
    for (rig_answer(request); got.type == MSG_JOB; rig_answer(request))
        children++;
    cr_expect_eq(children, 2);
}
