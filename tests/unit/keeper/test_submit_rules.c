/* What the rules of the queue do with one more submit: whoever makes it, and over a restart. */
#include <signal.h>
#include <sys/resource.h>

#include "own_submit.h"
#include "queue_rig.h"

TestSuite(submit_rules, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static enum when_full when_full;

static void one_at_a_time(struct rules *rules)
{
    queue_one_for_each_text(rules);
    queue_rules_of(rules, "echo")->when_full = (uint8_t)when_full;
}

static void begin(void (*change)(struct rules *rules))
{
    rig_edit = change;
    rig_restart();
    rig_hello(7, 0);
}

static void begin_with(enum when_full what)
{
    when_full = what;
    begin(one_at_a_time);
}

static uint32_t ask_as(const char *token, const char *text)
{
    struct msg_submit submit = queue_submit(token, text);
    return rig_say(&front, MSG_SUBMIT, &submit);
}

static uint32_t ask(const char *text)
{
    return ask_as(OPS_TOKEN, text);
}

/* The keeper's own submit of echo, in the name of a schedule. */
static struct heard {
    struct own_submit own;
    bool is_accepted, was_coalesced;
    struct job_id job_id;
    uint32_t status;
} heard;

static void hear(struct keeper *by, struct own_submit *own, const struct msg_submitted *submitted,
                 const struct msg_refused *refused)
{
    (void)by;
    (void)own;
    heard.is_accepted = submitted != NULL;
    heard.was_coalesced = submitted != NULL && submitted->was_coalesced;
    heard.status = refused != NULL ? refused->status : 0;
    if (submitted != NULL)
        heard.job_id = submitted->job_id;
}

static void submit_by_schedule(const char *text)
{
    struct setting_scope scope;
    struct caller who = caller_for("nightly", EVIDENCE_SERVICE, "echo", &scope);
    struct msg_submit asked = { .command = "echo", .params = rig_params(text, NULL) };
    heard = (struct heard){ .own = { .source = JOB_SOURCE_SCHEDULE, .origin = "nightly", .heard = hear } };
    submit_own(keeper, &heard.own, &who, &asked);
    rig_turn();
}

/* --- when_full --------------------------------------------------------------------------------------------------------- */

Test(submit_rules, reject_what_is_beyond_the_limit)
{
    begin_with(FULL_REJECT);
    struct job_id a1 = queue_put("a");
    rig_expect_refusal(ask("a"), 429, "concurrency-full");
    cr_expect_gt(got.body.refused.retry_after_s, 0);
    submit_by_schedule("a");
    cr_expect_eq(heard.status, 429, "nobody gets round it");
    queue_expect_start(&a1);
    struct job_id b1 = queue_put("b");
    queue_expect_start(&b1);
    queue_finish(&a1);
    a1 = queue_put("a");
    queue_expect_start(&a1);
}

/* Also when all of them arrive before the first of them could start. */
Test(submit_rules, accept_one_of_many_that_come_at_once)
{
    begin_with(FULL_REJECT);
    unsigned accepted = 0, refused = 0;
    for (int i = 0; i < 200; i++)
        ask("a");
    while (accepted + refused < 200) {
        cr_assert(rig_next(&front, 3000));
        accepted += got.type == MSG_SUBMITTED;
        refused += got.type == MSG_REFUSED;
    }
    cr_expect_eq(accepted, 1);
}

Test(submit_rules, replace_the_job_that_waits_and_never_the_one_that_runs)
{
    begin_with(FULL_REPLACE);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    struct job_id old = queue_put("a"), other = queue_put("b"), new = queue_put("a");
    char text[JOB_ID_TEXT_BYTES], stopped_by[64];
    queue_expect_start(&other);
    snprintf(stopped_by, sizeof stopped_by, "job %s", job_id_text(&new, text));
    struct msg_job report = rig_report(&old);
    cr_expect_eq(report.state, JOB_CANCELLED);
    cr_expect_eq(report.reason, JOB_REASON_CANCELLED);
    cr_expect_str_eq(report.stopped_by, stopped_by);
    cr_expect_not_null(strstr(report.message, text), "%s", report.message);
    cr_expect_eq(rig_report(&running).state, JOB_STARTING);
    queue_finish(&running);
    queue_expect_start(&new);
}

/* All in one turn of the loop: each replaces the one before it, and there is one at the end. */
Test(submit_rules, replace_jobs_that_came_in_the_same_moment)
{
    struct job_id ids[50];
    unsigned answers = 0, cancelled = 0;
    begin_with(FULL_REPLACE);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    for (int i = 0; i < 50; i++)
        ask("a");
    while (answers < 50) {
        cr_assert(rig_next(&front, 3000));
        if (got.type == MSG_SUBMITTED)
            ids[answers++] = got.body.submitted.job_id;
    }
    rig_run(10);
    for (int i = 0; i < 49; i++)
        cancelled += rig_report(&ids[i]).state == JOB_CANCELLED;
    cr_expect_eq(cancelled, 49);
    cr_expect_eq(rig_report(&ids[49]).state, JOB_QUEUED);
    cr_expect_eq(keeper->queue.waiting, 1);
}

/* What can start is not what waits, also when the turn that lets it start has not ended yet. */
Test(submit_rules, replace_nothing_that_can_start)
{
    struct job_id ids[5];
    begin_with(FULL_REPLACE);
    queue_rules_of(&keeper->rules, "echo")->limit = 2;
    queue_renew(keeper);
    for (int i = 0; i < 5; i++)
        ask("a");
    for (int i = 0; i < 5;) {
        cr_assert(rig_next(&front, 3000));
        if (got.type == MSG_SUBMITTED)
            ids[i++] = got.body.submitted.job_id;
    }
    static const enum job_state wanted[] = { JOB_STARTING, JOB_STARTING, JOB_CANCELLED, JOB_CANCELLED, JOB_QUEUED };
    rig_run(10);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(rig_report(&ids[i]).state, wanted[i], "%d", i);
}

static struct rlimit limit;

static void disk_is_full(void)
{
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit tight = { 4096, limit.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
}

Test(submit_rules, replace_nothing_by_a_job_that_could_not_be_stored)
{
    begin_with(FULL_REPLACE);
    struct job_id running = queue_put("a"), waiting = queue_put("a");
    queue_expect_start(&running);
    disk_is_full();
    rig_expect_refusal(ask("a"), 503, "store-full");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(rig_report(&waiting).state, JOB_QUEUED);
    queue_finish(&running);
    queue_expect_start(&waiting);
    rig_restart();
    cr_expect_eq(rig_report(&waiting).state, JOB_STARTING);
}

Test(submit_rules, coalesce_with_the_job_that_waits)
{
    begin_with(FULL_COALESCE);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    struct job_id waiting = queue_put("a");
    cr_expect(!got.body.submitted.was_coalesced, "what runs knows nothing of what came later");
    for (int i = 0; i < 3; i++) {
        rig_expect(ask("a"), MSG_SUBMITTED);
        cr_expect(got.body.submitted.was_coalesced && !got.body.submitted.was_replayed);
        cr_expect(job_id_equal(&got.body.submitted.job_id, &waiting));
    }
    cr_expect_eq(keeper->queue.waiting, 1);
    submit_by_schedule("a");
    cr_expect(heard.is_accepted && heard.was_coalesced && job_id_equal(&heard.job_id, &waiting));
    rig_expect_refusal(ask_as(CI_TOKEN, "a"), 429, "concurrency-full"); /* a job that ci may not read */
    queue_finish(&running);
    queue_expect_start(&waiting);
    struct job_id next = queue_put("a");
    cr_expect(!job_id_equal(&next, &waiting));
}

/* Sent again after a lost answer it is the same job, also when that does not wait any more. */
Test(submit_rules, remember_the_key_of_a_submit_that_was_coalesced)
{
    begin_with(FULL_COALESCE);
    struct job_id running = queue_put("a"), waiting = queue_put("a");
    queue_expect_start(&running);
    struct msg_submit submit = queue_submit(OPS_TOKEN, "a");
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "k1");
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_coalesced);
    queue_finish(&running);
    queue_expect_start(&waiting);
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed && !got.body.submitted.was_coalesced);
    cr_expect(job_id_equal(&got.body.submitted.job_id, &waiting));
}

static void two_may_wait(struct rules *rules)
{
    queue_one_for_each_text(rules);
    queue_rules_of(rules, "echo")->max_queue = 2;
}

Test(submit_rules, let_no_more_wait_with_a_key_than_max_queue_says)
{
    begin(two_may_wait);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    struct job_id second = queue_put("a");
    queue_put("a");
    rig_expect_refusal(ask("a"), 503, "queue-full");
    cr_expect_gt(got.body.refused.retry_after_s, 0);
    struct job_id other = queue_put("b");
    queue_expect_start(&other);
    queue_finish(&running);
    queue_expect_start(&second);
    queue_put("a");
}

Test(submit_rules, answer_a_replay_whatever_is_full)
{
    begin_with(FULL_REJECT);
    struct msg_submit submit = queue_submit(OPS_TOKEN, "a");
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "k1");
    struct job_id first = rig_accept(&submit);
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed && job_id_equal(&got.body.submitted.job_id, &first));
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "k2");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 429, "concurrency-full");
}

Test(submit_rules, keep_long_keys_as_their_hash)
{
    char text[101], other[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    strcpy(other, text);
    other[99] = 'y';
    begin_with(FULL_QUEUE);
    struct template *key = &queue_rules_of(&keeper->rules, "echo")->key;
    key->pieces = realloc(key->pieces, 3 * sizeof *key->pieces);
    key->pieces[1] = key->pieces[2] = key->pieces[0];
    key->piece_count = 3;
    struct job_id first = queue_put(text), same = queue_put(text), different = queue_put(other);
    queue_expect_start(&first);
    queue_expect_start(&different);
    queue_expect_no_start();
    const struct job *job = job_find(keeper, &same);
    cr_expect_eq(strncmp(job->record.queue_key, "sha256:", 7), 0, "%s", job->record.queue_key);
    cr_expect_eq(strlen(job->record.queue_key), 71);
}

/* --- rate, dedupe, limits of callers ------------------------------------------------------------------------------------- */

static void three_in_an_hour(struct rules *rules)
{
    queue_rules_of(rules, "echo")->rate = (struct rate){ 3, 3600000 };
}

Test(submit_rules, accept_no_more_in_a_period_than_the_rate_says_also_over_a_restart)
{
    begin(three_in_an_hour);
    for (int i = 0; i < 3; i++)
        queue_put("a");
    rig_expect_refusal(ask("a"), 429, "rate-limited");
    cr_expect_str_eq(got.body.refused.rate, "command");
    cr_expect_eq(got.body.refused.rate_count, 3);
    cr_expect_eq(got.body.refused.rate_period_s, 3600);
    cr_expect(got.body.refused.retry_after_s > 3500 && got.body.refused.retry_after_s <= 3600);
    submit_by_schedule("a");
    cr_expect_eq(heard.status, 429);
    rig_restart();
    rig_expect_refusal(ask("a"), 429, "rate-limited");
    rig_job("loud");
    queue_rules_of(&keeper->rules, "echo")->rate.count = 4;
    queue_put("a");
    rig_expect_refusal(ask("a"), 429, "rate-limited");
}

static void two_in_a_moment(struct rules *rules)
{
    queue_rules_of(rules, "echo")->rate = (struct rate){ 2, 300 };
}

/* Whatever the moments at which they came: between a job and the second after it there is a period. */
Test(submit_rules, accept_as_many_in_every_period)
{
    uint64_t times[6];
    begin(two_in_a_moment);
    for (int accepted = 0; accepted < 6;) {
        rig_answer(ask("a"));
        if (got.type == MSG_SUBMITTED) {
            struct job_id id = got.body.submitted.job_id;
            times[accepted++] = rig_report(&id).created_unix_ms;
        }
    }
    for (int i = 2; i < 6; i++)
        cr_expect_geq(times[i] - times[i - 2], 300);
}

static void callers_are_limited(struct rules *rules)
{
    rules->settings.slot_count = 1;
    *queue_quota(rules, "ci") = (struct quota){ .waiting = 2, .rate = { 4, 3600000 } };
    rules->settings.quota = (struct quota){ .waiting = 3, .rate = { 6, 3600000 } };
}

Test(submit_rules, give_callers_and_the_service_no_more_than_their_limits)
{
    begin(callers_are_limited);
    struct job_id running = queue_put_as(CI_TOKEN, "a"), second = queue_put_as(CI_TOKEN, "a");
    queue_expect_start(&running);
    queue_put_as(CI_TOKEN, "a");
    rig_expect_refusal(ask_as(CI_TOKEN, "a"), 503, "queue-full");
    struct job_id of_ops = queue_put("a");
    rig_expect_refusal(ask("a"), 503, "queue-full");
    queue_finish(&running);
    queue_expect_start(&second);
    queue_put_as(CI_TOKEN, "a");
    queue_finish(&second);
    rig_expect_refusal(ask_as(CI_TOKEN, "a"), 429, "rate-limited");
    cr_expect_str_eq(got.body.refused.rate, "caller");
    queue_put("a");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    struct job_id third = got.body.launch.job_id;
    queue_finish(&third);
    queue_expect_start(&of_ops);
    rig_expect_refusal(ask("a"), 429, "rate-limited");
    cr_expect_str_eq(got.body.refused.rate, "service");
}

static void one_may_wait(struct rules *rules)
{
    one_at_a_time(rules);
    queue_quota(rules, "ops")->waiting = 1;
    rules->settings.quota.waiting = 1;
}

Test(submit_rules, do_not_count_what_makes_room)
{
    when_full = FULL_REPLACE;
    begin(one_may_wait);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    struct job_id old = queue_put("a"), new = queue_put("a");
    cr_expect_eq(rig_report(&old).state, JOB_CANCELLED);
    cr_expect_eq(rig_report(&new).state, JOB_QUEUED);
    struct job_id other = queue_put("b");
    queue_expect_start(&other);
    rig_expect_refusal(ask("b"), 503, "queue-full");
}

static void same_for_a_minute(struct rules *rules)
{
    struct queue_rules *queue = queue_rules_of(rules, "echo");
    queue->dedupe_ms = 60000;
    queue_key_is_text(&queue->dedupe_key);
}

Test(submit_rules, answer_the_same_again_with_the_job_of_the_first)
{
    begin(same_for_a_minute);
    struct job_id first = queue_put("a"), other = queue_put("b");
    cr_expect(!job_id_equal(&first, &other));
    queue_expect_start(&first);
    queue_finish(&first);
    rig_expect(ask("a"), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_deduplicated && job_id_equal(&got.body.submitted.job_id, &first));
    rig_expect_refusal(ask_as(CI_TOKEN, "a"), 429, "rate-limited");
    cr_expect(got.body.refused.retry_after_s > 50 && got.body.refused.retry_after_s <= 60);
    rig_restart();
    rig_expect(ask("a"), MSG_SUBMITTED);
    cr_expect(job_id_equal(&got.body.submitted.job_id, &first), "also over a restart");
    queue_rules_of(&keeper->rules, "echo")->dedupe_ms = 1;
    struct job_id later = queue_put("a");
    cr_expect(!job_id_equal(&later, &first), "the window is over");
}

Test(submit_rules, let_the_window_begin_at_acceptance_not_at_the_last_question)
{
    begin(same_for_a_minute);
    queue_rules_of(&keeper->rules, "echo")->dedupe_ms = 200;
    uint64_t begin_ms = clock_monotonic_ms();
    struct job_id first = queue_put("a"), id = first;
    while (job_id_equal(&id, &first)) { /* asked again and again, it ends all the same */
        cr_assert_lt(clock_monotonic_ms() - begin_ms, 10000);
        id = queue_put("a");
    }
    cr_expect_geq(clock_monotonic_ms() - begin_ms, 190);
}

/* --- priority, pause ------------------------------------------------------------------------------------------------------ */

Test(submit_rules, take_a_lower_priority_and_no_higher_one)
{
    struct msg_submit submit = queue_submit(OPS_TOKEN, "a");
    submit.has_priority = true;
    submit.priority = PRIORITY_DEFAULT + 1;
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "params-invalid");
    cr_expect_not_null(memmem(got.body.refused.errors.data, got.body.refused.errors.size, "/priority", 9));
    submit.priority = 0;
    struct job_id id = rig_accept(&submit);
    cr_expect_eq(rig_report(&id).priority, 0);
    id = queue_put("a");
    cr_expect_eq(rig_report(&id).priority, PRIORITY_DEFAULT);
}

static uint32_t pause_as(const char *token, const char *command, bool is_resume, bool refuses)
{
    struct msg_pause asked = {
        .evidence = rig_token(token), .is_resume = is_resume, .refuses = refuses, .reason = "moving house"
    };
    text_copy(asked.command, sizeof asked.command, command);
    return rig_say(&front, MSG_PAUSE, &asked);
}

Test(submit_rules, refuse_jobs_of_a_paused_command_if_whoever_paused_it_said_so)
{
    rig_expect(pause_as(OPS_TOKEN, "echo", false, true), MSG_COMMANDS);
    cr_expect_str_eq(got.body.commands.pause.actor, "ops");
    rig_expect_refusal(ask("a"), 409, "command-paused");
    cr_expect_not_null(strstr(got.body.refused.detail, "by ops: moving house"), "%s", got.body.refused.detail);
    submit_by_schedule("a");
    cr_expect_eq(heard.status, 409);
    rig_restart();
    rig_expect_refusal(ask("a"), 409, "command-paused");
    struct msg_list_commands asked = { .evidence = rig_token(GUEST_TOKEN), .command = "echo" };
    rig_expect(rig_say(&front, MSG_LIST_COMMANDS, &asked), MSG_COMMANDS);
    cr_expect_eq(got.body.commands.paused.data[0], 1, "only the first command is");
    cr_expect(got.body.commands.pause.is_paused && got.body.commands.pause.refuses);
    cr_expect_str_eq(got.body.commands.pause.reason, "moving house");
    rig_expect(pause_as(OPS_TOKEN, "echo", false, false), MSG_COMMANDS);
    queue_put("a");
    rig_expect(pause_as(OPS_TOKEN, "echo", true, false), MSG_COMMANDS);
    cr_expect(!got.body.commands.pause.is_paused);
}

Test(submit_rules, let_only_admins_pause_a_command)
{
    rig_expect_refusal(pause_as(CI_TOKEN, "echo", false, false), 403, "forbidden");
    rig_expect_refusal(pause_as(GUEST_TOKEN, "echo", false, false), 403, "forbidden");
    rig_expect_refusal(pause_as(OPS_TOKEN, "nonsense", false, false), 404, "not-found");
    uint64_t entries;
    cr_expect_eq(audit_verify(keeper->store, &entries, &err), 0, "%s", err.text);
}
