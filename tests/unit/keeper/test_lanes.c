/* Which job starts next, which waits, for what, and that no limit is ever exceeded. */
#include "queue_rig.h"

TestSuite(lanes, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static void edit(void (*change)(struct rules *rules))
{
    rig_edit = change;
    rig_restart();
}

Test(lanes, run_one_of_a_key_at_a_time_and_keys_beside_each_other)
{
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    struct job_id a1 = queue_put("a"), a2 = queue_put("a"), b1 = queue_put("b"), a3 = queue_put("a");
    queue_expect_start(&a1);
    queue_expect_start(&b1);
    queue_expect_no_start();
    queue_expect_reason(&a2, JOB_WAIT_CONCURRENCY, "with key 'a'");
    char text[JOB_ID_TEXT_BYTES];
    cr_expect_not_null(strstr(rig_report(&a3).queued_reason, job_id_text(&a1, text)), "the one that runs is named");
    queue_finish(&a1);
    queue_expect_start(&a2);
    queue_expect_no_start();
    queue_finish(&a2);
    queue_expect_start(&a3);
}

Test(lanes, keep_the_order_of_acceptance_within_a_priority)
{
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    struct job_id low = queue_put_priority("a", 1), first = queue_put_priority("a", 4),
                  second = queue_put_priority("a", 4), normal = queue_put("a");
    const struct job_id *wanted[] = { &normal, &first, &second, &low }, *last = &running;
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(rig_report(wanted[i]).position, i + 1);
    for (int i = 0; i < 4; i++) {
        queue_finish(last);
        queue_expect_start(wanted[i]);
        last = wanted[i];
    }
}

static void one_caller_is_limited(struct rules *rules)
{
    rules->settings.slot_count = 16;
    queue_quota(rules, "ci")->running = 1;
}

Test(lanes, let_a_caller_at_its_limit_hold_up_nobody_else)
{
    edit(one_caller_is_limited);
    rig_hello(7, 0);
    struct job_id ci1 = queue_put_as(CI_TOKEN, "x");
    queue_expect_start(&ci1);
    struct job_id ci2 = queue_put_as(CI_TOKEN, "x"), ci3 = rig_job("deploy"), ops = queue_put("x");
    queue_expect_start(&ops);
    queue_expect_no_start();
    queue_expect_reason(&ci2, JOB_WAIT_CALLER_LIMIT, "caller 'ci' has 1 running, and may have 1");
    queue_expect_reason(&ci3, JOB_WAIT_CALLER_LIMIT, "ci");
    queue_finish(&ci1);
    queue_expect_start(&ci2);
    queue_expect_no_start();
    queue_finish(&ci2);
    queue_expect_start(&ci3);
}

static void two_kinds_and_one_slot(struct rules *rules)
{
    one_caller_is_limited(rules);
    rules->settings.slot_count = 1;
}

/* What is first in line of a full kind must not keep its caller's room from another kind. */
Test(lanes, let_a_caller_use_its_room_in_any_kind_of_slot)
{
    edit(two_kinds_and_one_slot);
    rig_hello(7, 0);
    struct job_id deploy1 = rig_job("deploy");
    queue_expect_start(&deploy1);
    struct job_id ops = queue_put("x");
    queue_expect_start(&ops); /* the only slot of its kind */
    struct job_id echo = queue_put_as(CI_TOKEN, "x"), deploy2 = rig_job("deploy");
    queue_finish(&deploy1);
    queue_expect_start(&deploy2);
    queue_expect_reason(&echo, JOB_WAIT_CALLER_LIMIT, "ci");
    queue_finish(&deploy2);
    queue_expect_reason(&echo, JOB_WAIT_SLOTS, "waiting for a free slot");
    queue_finish(&ops);
    queue_expect_start(&echo);
}

/* A key's order is a promise, also between callers. */
Test(lanes, pass_by_nobody_of_the_same_key)
{
    edit(queue_one_for_each_text);
    queue_quota(&keeper->rules, "ci")->running = 1;
    queue_renew(keeper);
    rig_hello(7, 0);
    struct job_id ci1 = queue_put_as(CI_TOKEN, "a");
    queue_expect_start(&ci1);
    struct job_id ci2 = queue_put_as(CI_TOKEN, "b"), ops2 = queue_put("b"), ops3 = queue_put("c");
    queue_expect_start(&ops3);
    queue_expect_no_start();
    queue_expect_reason(&ci2, JOB_WAIT_CALLER_LIMIT, "ci");
    queue_expect_reason(&ops2, JOB_WAIT_CONCURRENCY, "which stands before it with key 'b'");
    queue_finish(&ci1);
    queue_expect_start(&ci2);
    queue_expect_no_start();
}

static void service_is_limited(struct rules *rules)
{
    rules->settings.slot_count = 16;
    rules->settings.quota.running = 1;
}

Test(lanes, share_what_the_service_has_in_the_order_of_acceptance)
{
    edit(service_is_limited);
    rig_hello(7, 0);
    struct job_id first = queue_put("x");
    queue_expect_start(&first);
    struct job_id second = rig_job("deploy"), third = queue_put("x");
    queue_expect_no_start();
    queue_expect_reason(&third, JOB_WAIT_SERVICE_LIMIT, "all callers together have 1 running");
    queue_finish(&first);
    queue_expect_start(&second);
    queue_expect_no_start();
    queue_finish(&second);
    queue_expect_start(&third);
}

Test(lanes, hold_again_after_a_restart_of_the_keeper)
{
    int fds[2];
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    struct job_id a1 = queue_put("a"), a2 = queue_put("a");
    queue_expect_start(&a1);
    rig_launched(&a1, fds);
    rig_restart();
    queue_expect_reason(&a2, JOB_WAIT_LAUNCHER_DOWN, "waiting for the launcher");
    rig_hello(7, 1);
    rig_launched(&a1, fds);
    struct job_id a3 = queue_put("a"), b1 = queue_put("b");
    queue_expect_start(&b1);
    queue_expect_no_start();
    queue_expect_reason(&a3, JOB_WAIT_CONCURRENCY, "with key 'a'");
    queue_finish(&a1);
    queue_expect_start(&a2);
}

Test(lanes, go_on_when_the_launcher_has_died_with_what_ran)
{
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    struct job_id a1 = queue_put("a"), a2 = queue_put("a"), a3 = queue_put("a");
    queue_expect_start(&a1);
    rig_hello(8, 0);
    queue_expect_start(&a2);
    queue_expect_no_start();
    cr_expect_eq(rig_report(&a1).state, JOB_LOST);
    queue_expect_reason(&a3, JOB_WAIT_CONCURRENCY, "");
}

Test(lanes, put_a_job_that_comes_back_where_it_stood)
{
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    struct job_id a1 = queue_put("a"), a2 = queue_put("a");
    queue_expect_start(&a1);
    struct msg_not_launched refused = { .job_id = a1, .why = NOT_LAUNCHED_BUSY };
    rig_say(&launcher, MSG_NOT_LAUNCHED, &refused);
    rig_turn();
    queue_expect_reason(&a1, JOB_WAIT_RETRYING, "trying again");
    queue_expect_reason(&a2, JOB_WAIT_CONCURRENCY, "which stands before it");
    queue_expect_start(&a1);
    queue_expect_no_start();
}

Test(lanes, obey_the_limit_of_today_with_the_key_of_then)
{
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    struct job_id a[4];
    for (int i = 0; i < 4; i++)
        a[i] = queue_put("a");
    queue_expect_start(&a[0]);
    queue_expect_no_start();
    queue_rules_of(&keeper->rules, "echo")->limit = 3;
    queue_renew(keeper);
    queue_expect_start(&a[1]);
    queue_expect_start(&a[2]);
    queue_expect_no_start();
    queue_rules_of(&keeper->rules, "echo")->limit = 1;
    queue_renew(keeper);
    queue_finish(&a[0]);
    queue_finish(&a[1]);
    queue_expect_no_start();
    queue_expect_reason(&a[3], JOB_WAIT_CONCURRENCY, "1 may run at once");
    queue_rules_of(&keeper->rules, "echo")->limit = 0;
    queue_renew(keeper);
    queue_expect_start(&a[3]);
}

static void paused(const char *command, bool is_resume, bool refuses)
{
    struct msg_pause asked = {
        .evidence = rig_token(OPS_TOKEN), .is_resume = is_resume, .refuses = refuses, .reason = "upgrade"
    };
    text_copy(asked.command, sizeof asked.command, command);
    uint32_t request = rig_say(&front, MSG_PAUSE, &asked);
    rig_expect(request, MSG_COMMANDS);
    cr_expect_eq(got.body.commands.pause.is_paused, !is_resume);
}

Test(lanes, stand_still_while_their_command_is_paused_over_restarts)
{
    edit(queue_one_for_each_text);
    rig_hello(7, 0);
    paused("echo", false, false);
    struct job_id a = queue_put("a"), deploy = rig_job("deploy");
    queue_expect_start(&deploy);
    queue_expect_no_start();
    queue_expect_reason(&a, JOB_WAIT_PAUSED, "its command is paused by ops: upgrade");
    rig_restart();
    rig_hello(7, 0);
    queue_expect_start(&deploy); /* whose order the launcher never got */
    queue_expect_no_start();
    queue_expect_reason(&a, JOB_WAIT_PAUSED, "upgrade");
    paused("echo", true, false);
    queue_expect_start(&a);
}

/* The one of a caller's lanes that could go on is paused: another one takes its place. */
Test(lanes, that_are_paused_do_not_keep_their_caller_s_room)
{
    edit(one_caller_is_limited);
    rig_hello(7, 0);
    struct job_id ci1 = rig_job("head");
    queue_expect_start(&ci1);
    struct job_id ci2 = queue_put_as(CI_TOKEN, "x"), ci3 = rig_job("loud");
    keeper->queue.not_before_ms = UINT64_MAX; /* nothing starts, while the first of the two is chosen */
    queue_finish(&ci1);
    paused("echo", false, false);
    keeper->queue.not_before_ms = 0;
    turn_schedule(keeper);
    queue_expect_start(&ci3);
    queue_expect_reason(&ci2, JOB_WAIT_PAUSED, "ops");
}

static void may_wait_100_ms(struct rules *rules)
{
    queue_one_for_each_text(rules);
    queue_rules_of(rules, "echo")->max_wait_ms = 100;
}

static void expect_overdue(const struct job_id *id)
{
    struct msg_job report = rig_report(id);
    cr_expect_eq(report.state, JOB_REJECTED);
    cr_expect_eq(report.reason, JOB_REASON_REJECTED);
    cr_expect_str_eq(report.message,
                     "rejected: it waited longer than the 100 ms that its command's concurrency.max_wait allows");
    cr_expect_geq(report.finished_unix_ms, report.created_unix_ms + 100, "not a moment early");
}

Test(lanes, end_jobs_that_have_waited_too_long)
{
    edit(may_wait_100_ms);
    rig_hello(7, 0);
    struct job_id running = queue_put("a"), waiting = queue_put("a");
    queue_expect_start(&running);
    while (rig_report(&waiting).state == JOB_QUEUED)
        rig_run(5);
    expect_overdue(&waiting);
    cr_expect_eq(rig_report(&running).state, JOB_STARTING, "what runs is not waiting");
    queue_finish(&running);
    queue_expect_no_start();
}

Test(lanes, count_the_wait_from_acceptance_also_over_a_restart)
{
    edit(may_wait_100_ms);
    struct job_id waiting = queue_put("a");
    rig_stop();
    usleep(150000);
    rig_start();
    rig_hello(7, 0); /* it would start at once */
    queue_expect_no_start();
    expect_overdue(&waiting);
}

Test(lanes, say_that_the_service_is_stopping)
{
    rig_hello(7, 0);
    struct job_id running = queue_put("a");
    queue_expect_start(&running);
    shutdown_begin(keeper, 60000);
    queue_expect_reason(&running, JOB_WAIT_NONE, "");
    paused("echo", false, false);
    struct msg_not_launched refused = { .job_id = running, .why = NOT_LAUNCHED_BUSY };
    rig_say(&launcher, MSG_NOT_LAUNCHED, &refused);
    rig_turn();
    queue_expect_reason(&running, JOB_WAIT_PAUSED, "ops");
    paused("echo", true, false);
    queue_expect_reason(&running, JOB_WAIT_DRAINING, "the service is stopping");
}

Test(lanes, know_how_old_the_oldest_is)
{
    cr_expect_eq(queue_oldest_ms(keeper), 0);
    struct job_id old = queue_put_priority("a", 0);
    queue_put("a");
    job_find(keeper, &old)->record.created_unix_ms -= 5000;
    cr_expect_geq(queue_oldest_ms(keeper), 5000);
    cr_expect_lt(queue_oldest_ms(keeper), 60000);
    cr_expect_eq(keeper->queue.waiting, 2);
    cr_expect_eq(keeper->queue.running, 0);
}
