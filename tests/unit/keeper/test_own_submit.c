/* The keeper's own submits go the same way as a caller's. */
#include "own_submit.h"
#include "rig.h"

TestSuite(own_submit, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

struct heard {
    struct own_submit own;
    unsigned times;
    bool is_accepted, was_replayed;
    struct job_id job_id;
    uint32_t status;
};

static void hear(struct keeper *by, struct own_submit *own, const struct msg_submitted *submitted,
                 const struct msg_refused *refused)
{
    struct heard *heard = (struct heard *)own; /* its first member */
    (void)by;
    heard->times++;
    heard->is_accepted = submitted != NULL;
    if (submitted != NULL) {
        heard->job_id = submitted->job_id;
        heard->was_replayed = submitted->was_replayed;
    } else {
        heard->status = refused->status;
    }
}

static struct heard submit(const char *command, const char *text, const char *key)
{
    struct heard heard = { .own = { .source = JOB_SOURCE_SCHEDULE, .origin = "nightly", .heard = hear } };
    struct setting_scope scope;
    struct caller who = caller_for("nightly", EVIDENCE_SERVICE, command, &scope);
    struct msg_submit asked = { .params = rig_params(text, NULL) };
    text_copy(asked.command, sizeof asked.command, command);
    text_copy(asked.idempotency_key, sizeof asked.idempotency_key, key);
    submit_own(keeper, &heard.own, &who, &asked);
    rig_turn();
    cr_expect_eq(heard.times, 1);
    return heard;
}

Test(own_submit, is_recorded_with_where_it_came_from)
{
    struct heard heard = submit("echo", "hello", "");
    cr_assert(heard.is_accepted);
    struct msg_job report = rig_report(&heard.job_id);
    cr_expect_eq(report.source, JOB_SOURCE_SCHEDULE);
    cr_expect_str_eq(report.origin, "nightly");
    cr_expect_str_eq(report.actor, "nightly");
    cr_expect_eq(report.via, EVIDENCE_SERVICE);
    cr_expect(job_id_is_none(&report.parent));
    rig_restart();
    report = rig_report(&heard.job_id);
    cr_expect_eq(report.source, JOB_SOURCE_SCHEDULE);
    cr_expect_str_eq(report.origin, "nightly");
}

Test(own_submit, passes_the_same_checks)
{
    cr_expect_eq(submit("no-such", "hello", "").status, 404);
    cr_expect_eq(submit("echo", NULL, "").status, 422);
}

Test(own_submit, is_found_again_by_its_key)
{
    struct heard first = submit("echo", "hello", "nightly/1");
    struct heard second = submit("echo", "hello", "nightly/1");
    cr_expect(second.was_replayed);
    cr_expect(job_id_equal(&first.job_id, &second.job_id));
    cr_expect_eq(submit("echo", "other", "nightly/1").status, 422);
}

Test(own_submit, of_a_name_is_not_a_token_s_of_the_same_name)
{
    struct heard heard = { .own = { .source = JOB_SOURCE_SCHEDULE, .origin = "ci", .heard = hear } };
    struct setting_scope scope;
    struct caller who = caller_for("ci", EVIDENCE_SERVICE, "echo", &scope);
    struct msg_submit asked = { .params = rig_params("hello", NULL), .command = "echo" };
    submit_own(keeper, &heard.own, &who, &asked);
    rig_turn();
    cr_assert(heard.is_accepted);
    struct msg_read_job read = { .evidence = rig_token(CI_TOKEN), .job_id = heard.job_id };
    rig_expect_refusal(rig_say(&front, MSG_READ_JOB, &read), 404, "not-found");
}

Test(own_submit, may_run_that_command_alone)
{
    struct setting_scope scope;
    struct caller who = caller_for("nightly", EVIDENCE_SERVICE, "echo", &scope);
    struct heard heard = { .own = { .source = JOB_SOURCE_SCHEDULE, .origin = "nightly", .heard = hear } };
    struct msg_submit asked = { .command = "loud" };
    submit_own(keeper, &heard.own, &who, &asked);
    rig_turn();
    cr_expect_eq(heard.status, 404);
}
