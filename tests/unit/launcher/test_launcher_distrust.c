/* What the launcher refuses: orders of a keeper that is lost, words of a supervisor that lies. Through the real program. */
#include "world.h"

#include <sys/mman.h>

TestSuite(launcher_distrust, .init = world_begin, .fini = world_end, .timeout = 60);

static const struct cell_ended exited_3 = { .has_started = true, .has_status = true, .exit_code = 3 };

Test(launcher_distrust, has_given_up_what_it_does_not_need)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)world.launcher);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    static const char *const lines[] = {
        "\nUid:\t61234\t61234\t61234\t61234\n",
        "\nGroups:\t \n",
        "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
        "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_expect_not_null(strstr(text, lines[i]), "line %zu is missing in:\n%s", i, text);
}

Test(launcher_distrust, refuses_orders_that_the_policy_does_not_know)
{
    uint8_t good[256], bad[256];
    struct span params = order_params(good, sizeof good, "world", NULL);
    struct span dash = order_params(bad, sizeof bad, "-rf", NULL);
    const struct span head = { order_head, sizeof order_head };
    const struct {
        const char *what;
        struct msg_launch order;
        enum not_launched why;
    } rows[] = {
        { "an older generation", { .generation = 0, .params = params, .audit_head = head }, NOT_LAUNCHED_STALE },
        { "a newer generation", { .generation = 2, .params = params, .audit_head = head }, NOT_LAUNCHED_STALE },
        { "a command that is not there",
          { .generation = 1, .command = 1, .params = params, .audit_head = head },
          NOT_LAUNCHED_INVALID },
        { "a longer timeout",
          { .generation = 1, .timeout_ms = 60001, .params = params, .audit_head = head },
          NOT_LAUNCHED_INVALID },
        { "a value that looks like an option",
          { .generation = 1, .params = dash, .audit_head = head },
          NOT_LAUNCHED_INVALID },
        { "no head of the audit trail", { .generation = 1, .params = params }, NOT_LAUNCHED_INVALID },
        { "parameters that are none",
          { .generation = 1, .params = { good, 5 }, .audit_head = head },
          NOT_LAUNCHED_INVALID },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct msg_launch order = rows[i].order;
        struct message message;
        order.job_id = job_id_new();
        world_tell(world.keeper, MSG_LAUNCH, &order, NULL, 0);
        keeper_hears(MSG_NOT_LAUNCHED, &message);
        cr_expect_eq(message.body.not_launched.why, rows[i].why, "%s: %s", rows[i].what,
                     message.body.not_launched.detail);
    }
    uint8_t bytes[START_RECORD_BYTES];
    struct start_record none;
    cr_expect_not(world_start(0, bytes, &none), "an order that was refused is no start");
}

Test(launcher_distrust, refuses_input_that_could_change_or_is_not_wanted)
{
    uint8_t params[256];
    struct message message;
    struct error err = { 0 };
    for (int pass = 0; pass < 2; pass++) {
        struct msg_launch order = { .job_id = job_id_new(),
                                    .generation = world.policy->generation,
                                    .has_stdin = true,
                                    .audit_head = { order_head, sizeof order_head },
                                    .params = order_params(params, sizeof params, "world", NULL) };
        int fd = -1;
        if (pass == 0)
            cr_assert_eq(memfd_sealed("in", "x", 1, false, &fd, &err), 0); /* the command takes no input */
        else
            fd = memfd_create("in", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        world_tell(world.keeper, MSG_LAUNCH, &order, &fd, 1);
        close(fd);
        keeper_hears(MSG_NOT_LAUNCHED, &message);
        cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_INVALID);
        world.policy->commands[0].takes_stdin = true;
        world.policy->commands[0].stdin_max_bytes = 100;
        world.policy->generation = 2;
        if (pass == 0)
            world_hand_parts();
        usleep(100000);
    }
}

Test(launcher_distrust, refuses_a_job_that_this_host_cannot_hold_as_its_owner_wants)
{
    struct job_seen job;
    world.policy->commands[0].degrade = 0;
    world.policy->generation = 2;
    for (uint32_t i = 0; i < SLOTS; i++)
        world_hand_root(i);
    world_hand_parts();
    usleep(100000);
    job_order(&job, 0);
    struct msg_exited exited = job_exits(&job);
    cr_expect_eq(exited.reason, JOB_REASON_LAUNCH_FAILED);
    cr_expect_str_eq(exited.step, "limits");
    cr_expect_not_null(strstr(exited.message, "`degrade: [cgroup-memory]`"), "%s", exited.message);
    struct msg_job_only seen = { .job_id = job.id };
    world_tell(world.keeper, MSG_EXITED_SEEN, &seen, NULL, 0);
    keeper_hears_nothing(100); /* and nothing comes of it, not even a complaint */
}

Test(launcher_distrust, drops_a_keeper_that_breaks_the_rules_and_waits_for_another)
{
    struct job_seen job;
    struct message message;
    job_run(&job, 0, 0);
    const struct {
        const char *what;
        enum msg_type type;
        union any_message body;
    } rows[] = {
        { "a message of the front", MSG_UNWATCH, { .empty = { 0 } } },
        { "a message of the bootstrap", MSG_BEGIN, { .empty = { 0 } } },
        { "input that is not there", MSG_LAUNCH, { .launch = { .has_stdin = true } } },
        { "a stop for no reason", MSG_STOP, { .stop = { .job_id = job.id, .reason = JOB_REASON_OOM } } },
        { "an acknowledgement of an end that was not", MSG_EXITED_SEEN, { .job_only = { .job_id = job.id } } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_tell(world.keeper, rows[i].type, &rows[i].body, NULL, 0);
        cr_expect(keeper_is_dropped(), "%s", rows[i].what);
        world_hand_keeper();
        keeper_hears(MSG_HELLO, &message);
        cr_expect_eq(message.body.hello.held, 1, "%s", rows[i].what);
        job_is_launched(&job);
    }
    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&job);
    job_is_seen(&job);
}

Test(launcher_distrust, closes_a_slot_whose_supervisor_lies)
{
    static const struct {
        const char *what;
        union any_cell_message body;
        enum cell_message type;
        bool is_cut;
    } rows[] = {
        { "started twice", { .nothing = { 0 } }, CELL_STARTED, false },
        { "ready again", { .nothing = { 0 } }, CELL_READY, false },
        { "an order to us", { .nothing = { 0 } }, CELL_KILL, false },
        { "ended, but never started", { .ended = { .has_started = false } }, CELL_ENDED, false },
        { "half a message", { .ended = { .has_started = true } }, CELL_ENDED, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_seen job;
        job_run(&job, 0, 0);
        pid_t process = job.fd_count > CELL_RUN_FDS ? job_process(&job) : 0;
        if (rows[i].is_cut)
            cr_assert_eq(send(world.supervisors[0], (char[]){ CELL_ENDED, 0, 0, 0, 1 }, 5, 0), 5);
        else
            supervisor_says(0, rows[i].type, &rows[i].body);
        cr_expect(supervisor_is_dropped(0), "%s", rows[i].what);
        if (process > 0) {
            int status = 0;
            cr_expect_eq(waitpid(process, &status, 0), process);
            cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: its job lives on", rows[i].what);
        }
        struct msg_exited exited = job_exits(&job);
        cr_expect_eq(exited.reason, JOB_REASON_LOST, "%s: %s", rows[i].what, exited.message);
        job_is_seen(&job);

        world_hand_slot(0); /* the bootstrap starts another */
        supervisor_says(0, CELL_READY, NULL);
        usleep(50000);
    }
}

Test(launcher_distrust, takes_a_new_supervisor_before_it_heard_of_the_old_ones_end)
{
    struct job_seen job;
    struct message message;
    job_run(&job, 0, 0);
    int old = dup(world.supervisors[0]); /* keeps the old socket open */
    world_hand_slot(0);
    cr_expect_eq(job_exits(&job).reason, JOB_REASON_LOST);
    supervisor_says(0, CELL_READY, NULL);
    struct job_seen other, third;
    job_run(&other, 1, 0);
    job_order(&third, 0);
    keeper_hears(MSG_NOT_LAUNCHED, &message);
    cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_BUSY, "the slot has an end that nobody acknowledged");
    job_is_seen(&job);
    usleep(50000);
    job_run(&third, 0, 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        supervisor_says(i, CELL_ENDED, &exited_3);
    for (uint32_t i = 0; i < SLOTS; i++)
        keeper_hears(MSG_EXITED, &message);
    job_is_seen(&other);
    job_is_seen(&third);
    close(old);
}

Test(launcher_distrust, writes_no_text_that_is_none_into_a_report)
{
    struct job_seen job;
    job_order(&job, 0);
    job_reaches(&job, 0);
    supervisor_says(0, CELL_ENDED, &(struct cell_ended){ .step = "exec", .code = 1, .detail = "\xff\xfe" });
    struct msg_exited exited = job_exits(&job);
    cr_expect_str_eq(exited.step, "exec");
    cr_expect_null(strchr(exited.message, '\xff'));
    job_is_seen(&job);
}
