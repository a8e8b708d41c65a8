/* The life of jobs, through the real program. */
#include "world.h"

TestSuite(launcher_jobs, .init = world_begin, .fini = world_end, .timeout = 60);

static const struct cell_ended exited_3 = { .has_started = true, .has_status = true, .exit_code = 3, .user_us = 7 };

Test(launcher_jobs, runs_a_job_and_reports_its_end)
{
    struct job_seen job;
    job_run(&job, 0, 0);
    cr_expect_str_eq(job.plan.program, "/usr/bin/greet");
    cr_expect_eq(job.plan.uid, 1000);
    cr_expect_eq(job.plan.layers_off, 0);

    char text[8] = "";
    cr_assert_eq(write(job.fds[CELL_FD_STDOUT], "out", 3), 3);
    cr_assert_eq(write(job.fds[CELL_FD_STDERR], "err", 3), 3);
    cr_expect_eq(read(job.output[0], text, sizeof text), 3);
    cr_expect_str_eq(text, "out");
    cr_expect_eq(read(job.output[1], text, sizeof text), 3);
    cr_expect_str_eq(text, "err");
    cr_expect_eq(read(job.fds[CELL_FD_STDIN], text, sizeof text), 0, "standard input is not empty");

    supervisor_says(0, CELL_ENDED, &exited_3);
    struct msg_exited exited = job_exits(&job);
    cr_expect_eq(exited.reason, JOB_REASON_EXITED);
    cr_expect_eq(exited.exit_code, 3);
    cr_expect_gt(exited.wall_us, 0);
    cr_expect_eq(exited.degraded & DEGRADE_CGROUP_MEMORY, DEGRADE_CGROUP_MEMORY);
    /* The write ends are with the supervisor alone: when it lets go, the keeper reads the end. */
    close(job.fds[CELL_FD_STDOUT]);
    job.fds[CELL_FD_STDOUT] = -1;
    cr_expect_eq(read(job.output[0], text, sizeof text), 0);
    job_is_seen(&job);
}

Test(launcher_jobs, uses_a_slot_again_only_when_its_job_was_acknowledged)
{
    struct job_seen jobs[SLOTS], third;
    struct message message;
    for (uint32_t i = 0; i < SLOTS; i++)
        job_run(&jobs[i], i, 0);
    job_order(&third, 0);
    keeper_hears(MSG_NOT_LAUNCHED, &message);
    cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_BUSY);

    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&jobs[0]);
    job_order(&third, 0);
    keeper_hears(MSG_NOT_LAUNCHED, &message);
    cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_BUSY, "the slot was used before the end was acknowledged");

    job_is_seen(&jobs[0]);
    job_run(&third, 0, 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        supervisor_says(i, CELL_ENDED, &exited_3);
    for (uint32_t i = 0; i < SLOTS; i++)
        keeper_hears(MSG_EXITED, &message);
    job_is_seen(&third);
    job_is_seen(&jobs[1]);
}

Test(launcher_jobs, ends_a_job_at_its_timeout_by_term_then_by_force)
{
    struct job_seen job;
    union any_cell_message body;
    world.policy->commands[0].grace_ms = 100;
    world.policy->generation = 2;
    for (uint32_t i = 0; i < SLOTS; i++)
        world_hand_root(i);
    world_hand_parts();
    usleep(100000);
    job_run(&job, 0, 150);
    pid_t process = job.fd_count > CELL_RUN_FDS ? job_process(&job) : 0;
    supervisor_hears(0, CELL_SIGNAL, &body, job.fds);
    cr_expect_eq(body.signal.signal, SIGTERM);
    supervisor_hears(0, CELL_KILL, &body, job.fds);
    int status = 0;
    if (process > 0) {
        cr_expect_eq(waitpid(process, &status, 0), process);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the group was not killed");
    }
    supervisor_says(0, CELL_ENDED, &(struct cell_ended){ .has_started = true });
    struct msg_exited exited = job_exits(&job);
    cr_expect_eq(exited.reason, JOB_REASON_TIMED_OUT, "%s", exited.message);
    cr_expect_not_null(strstr(exited.message, "was killed"), "%s", exited.message);
    job_is_seen(&job);
}

Test(launcher_jobs, stops_a_job_for_the_reason_that_the_keeper_gives)
{
    static const enum job_reason reasons[] = { JOB_REASON_CANCELLED, JOB_REASON_OUTPUT_LIMIT };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        struct job_seen job;
        union any_cell_message body;
        job_run(&job, 0, 0);
        struct msg_stop stop = { .job_id = job.id, .reason = (uint8_t)reasons[i] };
        world_tell(world.keeper, MSG_STOP, &stop, NULL, 0);
        supervisor_hears(0, CELL_SIGNAL, &body, job.fds);
        cr_expect_eq(body.signal.signal, SIGTERM);
        supervisor_says(0, CELL_ENDED,
                        &(struct cell_ended){ .has_started = true, .has_status = true, .signal = SIGTERM });
        cr_expect_eq(job_exits(&job).reason, reasons[i]);
        job_is_seen(&job);
    }
}

Test(launcher_jobs, takes_a_second_stop_that_is_less_patient)
{
    struct job_seen job;
    union any_cell_message body;
    job_run(&job, 0, 0);
    struct msg_stop stop = { .job_id = job.id, .reason = JOB_REASON_CANCELLED };
    world_tell(world.keeper, MSG_STOP, &stop, NULL, 0);
    supervisor_hears(0, CELL_SIGNAL, &body, job.fds);
    stop.has_grace = true;
    world_tell(world.keeper, MSG_STOP, &stop, NULL, 0);
    supervisor_hears(0, CELL_KILL, &body, job.fds);
    supervisor_says(0, CELL_ENDED, &(struct cell_ended){ .has_started = true });
    cr_expect_eq(job_exits(&job).reason, JOB_REASON_CANCELLED);
    job_is_seen(&job);
}

Test(launcher_jobs, passes_on_the_signals_that_the_command_lists_and_no_other)
{
    struct job_seen job;
    union any_cell_message body;
    job_run(&job, 0, 0);
    struct msg_signal_job order = { .job_id = job.id, .signal = SIGKILL };
    world_tell(world.keeper, MSG_SIGNAL_JOB, &order, NULL, 0);
    order.signal = 0;
    world_tell(world.keeper, MSG_SIGNAL_JOB, &order, NULL, 0);
    order.signal = SIGUSR1;
    world_tell(world.keeper, MSG_SIGNAL_JOB, &order, NULL, 0);
    supervisor_hears(0, CELL_SIGNAL, &body, job.fds);
    cr_expect_eq(body.signal.signal, SIGUSR1);
    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&job);
    job_is_seen(&job);
}

Test(launcher_jobs, reports_the_step_that_could_not_be_done)
{
    struct job_seen job;
    job_order(&job, 0);
    job_reaches(&job, 0);
    supervisor_says(0, CELL_ENDED, &(struct cell_ended){ .step = "exec", .code = EACCES, .detail = "/usr/bin/greet" });
    struct msg_exited exited = job_exits(&job);
    cr_expect_eq(exited.reason, JOB_REASON_LAUNCH_FAILED);
    cr_expect_str_eq(exited.step, "exec");
    cr_expect_not_null(strstr(exited.message, "Permission denied"), "%s", exited.message);
    cr_expect_eq(exited.wall_us, 0);
    job_is_seen(&job);
}

Test(launcher_jobs, sets_a_slot_aside_while_something_of_its_job_is_left)
{
    struct job_seen job, next;
    union any_cell_message body;
    job_run(&job, 0, 0);
    struct msg_stop stop = { .job_id = job.id, .reason = JOB_REASON_CANCELLED, .has_grace = true };
    world_tell(world.keeper, MSG_STOP, &stop, NULL, 0);
    supervisor_hears(0, CELL_SIGNAL, &body, job.fds);
    supervisor_hears(0, CELL_KILL, &body, job.fds);
    /* Nothing more is heard of it: its supervisor hangs. */
    struct msg_exited exited = job_exits(&job);
    cr_expect_eq(exited.reason, JOB_REASON_CANCELLED);
    cr_expect_not_null(strstr(exited.message, "set aside"), "%s", exited.message);
    struct job_seen shown = job;
    job_is_seen(&shown);

    job_run(&next, 1, 0);
    supervisor_says(0, CELL_ENDED, &(struct cell_ended){ .has_started = true });
    supervisor_says(1, CELL_ENDED, &exited_3);
    job_exits(&next);
    job_is_seen(&next);
    usleep(100000);
    job_run(&next, 0, 0); /* it came back */
    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&next);
    job_is_seen(&next);
}

Test(launcher_jobs, tells_a_new_keeper_all_that_it_holds)
{
    struct job_seen running, ended;
    struct message message;
    char text[8] = "";
    job_run(&running, 0, 0);
    job_run(&ended, 1, 0);
    cr_assert_eq(write(ended.fds[CELL_FD_STDOUT], "late", 4), 4);
    supervisor_says(1, CELL_ENDED, &exited_3);
    job_exits(&ended);
    for (int i = 0; i < 2; i++) { /* the old keeper dies, and its read ends with it */
        fd_close(&running.output[i]);
        fd_close(&ended.output[i]);
    }

    world_hand_keeper();
    keeper_hears(MSG_HELLO, &message);
    cr_expect_eq(message.body.hello.held, 2);
    job_is_launched(&running);
    job_is_launched(&ended);
    cr_expect_eq(job_exits(&ended).exit_code, 3);
    cr_expect_eq(read(ended.output[0], text, sizeof text), 4);
    cr_expect_str_eq(text, "late");
    job_is_seen(&ended);

    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&running);
    job_is_seen(&running);
}

Test(launcher_jobs, names_a_job_early_that_is_still_being_set_up)
{
    struct job_seen job;
    struct message message;
    job_order(&job, 0);
    job_reaches(&job, 0);
    world_hand_keeper();
    keeper_hears(MSG_HELLO, &message);
    cr_expect_eq(message.body.hello.held, 1);
    job_is_launched(&job);
    supervisor_says(0, CELL_STARTED, NULL);
    keeper_hears_nothing(200);
    supervisor_says(0, CELL_ENDED, &exited_3);
    cr_expect_eq(job_exits(&job).reason, JOB_REASON_EXITED);
    job_is_seen(&job);
}

Test(launcher_jobs, keeps_running_jobs_through_a_reload)
{
    struct job_seen job, old;
    struct message message;
    job_run(&job, 0, 0);
    world.policy->generation = 2;
    for (uint32_t i = 0; i < SLOTS; i++)
        world_hand_root(i);
    world_hand_parts();
    usleep(100000);
    world.policy->generation = 1;
    job_order(&old, 0);
    keeper_hears(MSG_NOT_LAUNCHED, &message);
    cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_STALE);
    world.policy->generation = 2;

    supervisor_says(0, CELL_ENDED, &exited_3);
    cr_expect_eq(job_exits(&job).reason, JOB_REASON_EXITED);
    job_is_seen(&job);
    job_run(&job, 0, 0);
    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&job);
    job_is_seen(&job);
}

Test(launcher_jobs, takes_no_new_work_while_stopping)
{
    struct job_seen job, late;
    struct message message;
    job_run(&job, 0, 0);
    world_tell(world.control, MSG_SHUTDOWN, NULL, NULL, 0);
    usleep(100000);
    job_order(&late, 0);
    keeper_hears(MSG_NOT_LAUNCHED, &message);
    cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_BUSY);
    supervisor_says(0, CELL_ENDED, &exited_3);
    job_exits(&job);
    job_is_seen(&job);
}
