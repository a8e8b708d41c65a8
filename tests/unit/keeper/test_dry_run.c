/* Dry runs, reruns, and the list of what waits. */
#include "queue_rig.h"

TestSuite(dry_run, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static void begin(void (*change)(struct rules *rules))
{
    rig_edit = change;
    rig_restart();
    rig_hello(7, 0);
}

static struct msg_verdict judge(struct msg_submit submit)
{
    submit.is_trial = true;
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_VERDICT);
    return got.body.verdict;
}

Test(dry_run, tells_what_would_come_of_a_submit_and_does_nothing)
{
    begin(queue_one_for_each_text);
    struct msg_verdict verdict = judge(queue_submit(OPS_TOKEN, "a"));
    cr_expect_str_eq(verdict.code, "");
    cr_expect_eq(verdict.position, 0, "it would start at once");
    cr_expect_eq(verdict.wait, JOB_WAIT_NONE);
    cr_assert(verdict.has_argv);
    cr_expect_str_eq((const char *)verdict.argv.data, "/bin/true");
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(keeper->queue.waiting, 0);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    queue_put("a");
    verdict = judge(queue_submit(CI_TOKEN, "a"));
    cr_expect_eq(verdict.position, 2);
    cr_expect_eq(verdict.wait, JOB_WAIT_CONCURRENCY);
    cr_expect_not_null(strstr(verdict.queued_reason, "with key 'a'"), "%s", verdict.queued_reason);
    cr_expect(!verdict.has_argv, "argv shows the host's paths");
    cr_expect_eq(keeper->queue.waiting, 1);
}

Test(dry_run, gives_the_verdict_of_a_real_submit)
{
    begin(queue_one_for_each_text);
    struct queue_rules *queue = queue_rules_of(&keeper->rules, "echo");
    struct msg_submit submit = queue_submit(OPS_TOKEN, "a");
    submit.params = rig_params(NULL, NULL);
    struct msg_verdict verdict = judge(submit);
    cr_expect_str_eq(verdict.code, "params-invalid");
    cr_expect_not_null(memmem(verdict.errors.data, verdict.errors.size, "/params/text", 12));

    queue->when_full = FULL_COALESCE;
    struct job_id running = queue_put("a"), waiting = queue_put("a");
    queue_expect_start(&running);
    verdict = judge(queue_submit(OPS_TOKEN, "a"));
    cr_expect(job_id_equal(&verdict.job_id, &waiting));
    queue->when_full = FULL_REJECT;
    verdict = judge(queue_submit(OPS_TOKEN, "a"));
    cr_expect_str_eq(verdict.code, "concurrency-full");
    cr_expect_gt(verdict.retry_after_s, 0);

    queue->rate = (struct rate){ 1, 3600000 };
    for (int i = 0; i < 3; i++) {
        verdict = judge(queue_submit(OPS_TOKEN, "b"));
        cr_expect_str_eq(verdict.code, "", "a dry run does not count");
    }
    queue_put("b");
    verdict = judge(queue_submit(OPS_TOKEN, "c"));
    cr_expect_str_eq(verdict.code, "rate-limited");
}

Test(dry_run, is_for_those_who_may_run_the_command)
{
    struct msg_submit submit = queue_submit(GUEST_TOKEN, "a");
    submit.is_trial = true;
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 403, "forbidden");
    text_copy(submit.command, sizeof submit.command, "nonsense");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 404, "not-found");
}

/* --- rerun -------------------------------------------------------------------------------------------------------------- */

static uint32_t rerun(const char *token, const struct job_id *id)
{
    struct msg_submit submit = { .evidence = rig_token(token), .rerun_of = *id };
    return rig_say(&front, MSG_SUBMIT, &submit);
}

Test(dry_run, of_a_job_again_has_its_command_and_parameters)
{
    rig_hello(7, 0);
    struct msg_submit submit = queue_submit(CI_TOKEN, "some text");
    uint8_t labels[100];
    struct writer out = { labels, sizeof labels };
    entries_add_text(&out, ENTRY_LABEL, "pr", "812", "");
    submit.labels = (struct span){ labels, (uint32_t)(sizeof labels - out.left) };
    struct job_id first = rig_accept(&submit);
    queue_expect_start(&first);
    queue_finish(&first);
    rig_expect(rerun(OPS_TOKEN, &first), MSG_SUBMITTED);
    struct job_id second = got.body.submitted.job_id;
    cr_assert(!job_id_equal(&first, &second));
    queue_expect_start(&second);
    cr_expect_not_null(memmem(got.body.launch.params.data, got.body.launch.params.size, "some text", 9));
    struct msg_job report = rig_report(&second);
    cr_expect_str_eq(report.command, "echo");
    cr_expect_str_eq(report.actor, "ops");
    cr_expect_not_null(memmem(report.labels.data, report.labels.size, "812", 3));
    cr_expect_eq(strncmp(report.why, "rerun of ", 9), 0, "%s", report.why);
    cr_expect(job_id_is_none(&report.parent));
}

Test(dry_run, of_what_cannot_be_had_again_is_refused)
{
    struct msg_submit submit = queue_submit(CI_TOKEN, "x");
    submit.params = rig_params("x", "4711");
    struct job_id with_secret = rig_accept(&submit);
    rig_expect_refusal(rerun(CI_TOKEN, &with_secret), 409, "secrets-required");

    auto_fd int memfd = -1;
    cr_assert_eq(memfd_sealed("in", "bytes", 5, false, &memfd, &err), 0);
    submit = queue_submit(CI_TOKEN, "x");
    submit.has_stdin = true;
    cr_assert_eq(channel_send(&front, MSG_SUBMIT, 900, &submit, &memfd, 1, &err), 0);
    rig_expect(900, MSG_SUBMITTED);
    struct job_id with_stdin = got.body.submitted.job_id;
    rig_expect_refusal(rerun(CI_TOKEN, &with_stdin), 409, "input-not-kept");

    queue_command(&keeper->rules, "loud")->keeps_metadata_only = true;
    struct job_id without_params = rig_job("loud");
    rig_expect_refusal(rerun(CI_TOKEN, &without_params), 409, "input-not-kept");

    struct job_id of_ops = queue_put("x"), plain = queue_put_as(CI_TOKEN, "x");
    rig_expect_refusal(rerun(CI_TOKEN, &of_ops), 404, "not-found");
    rig_expect_refusal(rerun(GUEST_TOKEN, &plain), 403, "forbidden");
    rig_expect_refusal(rerun(GUEST_TOKEN, &with_secret), 403, "forbidden");
}

/* --- the list ------------------------------------------------------------------------------------------------------------ */

static unsigned list_queue(const char *token, uint32_t limit, const struct job_id *behind, struct msg_job *ret_items,
                           bool *ret_has_more)
{
    struct msg_list_jobs asked = { .evidence = rig_token(token), .is_queue = true, .limit = limit };
    unsigned count = 0;
    asked.has_before = behind != NULL;
    if (behind != NULL)
        asked.before = *behind;
    uint32_t request = rig_say(&front, MSG_LIST_JOBS, &asked);
    for (;;) {
        rig_answer(request);
        if (got.type == MSG_JOBS_END)
            break;
        cr_assert_eq(got.type, MSG_JOB);
        ret_items[count++] = got.body.job;
    }
    *ret_has_more = got.body.jobs_end.has_more;
    return count;
}

Test(dry_run, list_shows_who_waits_in_the_order_of_the_queue)
{
    struct msg_job items[10];
    bool has_more;
    struct job_id low = queue_put_priority("a", 1), of_ci = queue_put_as(CI_TOKEN, "b"), deploy = rig_job("deploy");
    struct job_id last = queue_put_priority("a", 0);
    const struct job_id *wanted[] = { &of_ci, &deploy, &low, &last };
    cr_assert_eq(list_queue(GUEST_TOKEN, 10, NULL, items, &has_more), 4);
    cr_expect(!has_more);
    for (uint32_t i = 0; i < 4; i++) {
        cr_expect(job_id_equal(&items[i].job_id, wanted[i]));
        cr_expect_eq(items[i].position, i + 1);
        cr_expect_eq(items[i].wait, JOB_WAIT_LAUNCHER_DOWN);
    }
    cr_assert_eq(list_queue(GUEST_TOKEN, 3, NULL, items, &has_more), 3);
    cr_expect(has_more);
    struct job_id third = items[2].job_id;
    cr_assert_eq(list_queue(GUEST_TOKEN, 3, &third, items, &has_more), 1);
    cr_expect(!has_more && job_id_equal(&items[0].job_id, &last));
    cr_assert_eq(list_queue(CI_TOKEN, 10, NULL, items, &has_more), 2, "its own alone");
    cr_expect_eq(items[1].position, 2, "at their place among all");
}

/* The last job of the page before may have started meanwhile: the next page begins where it stood. */
Test(dry_run, list_goes_on_behind_a_job_that_waits_no_more)
{
    struct msg_job items[10];
    bool has_more;
    rig_hello(7, 0);
    struct job_id running = rig_job("deploy");
    queue_expect_start(&running);
    struct job_id first = rig_job("deploy"), second = rig_job("deploy");
    cr_assert_eq(list_queue(OPS_TOKEN, 1, NULL, items, &has_more), 1);
    cr_expect(job_id_equal(&items[0].job_id, &first) && has_more);
    queue_finish(&running);
    queue_expect_start(&first);
    cr_assert_eq(list_queue(OPS_TOKEN, 1, &first, items, &has_more), 1);
    cr_expect(job_id_equal(&items[0].job_id, &second) && !has_more);
    queue_finish(&first);
    cr_assert_eq(list_queue(OPS_TOKEN, 1, &first, items, &has_more), 0, "the second has started");
}
