/* The launcher's own word on every order that it accepted, written before the order leaves. Through the real program. */
#include "world.h"

#include "sallyport/base/clock.h"

TestSuite(start_record, .init = world_begin, .fini = world_end, .timeout = 60);

/* To its end, so that the slot is free again. */
static void finish(struct job_seen *job, uint32_t slot)
{
    supervisor_says(slot, CELL_ENDED, &(struct cell_ended){ .has_started = true, .has_status = true });
    cr_expect_eq(job_exits(job).reason, JOB_REASON_EXITED);
    job_is_seen(job);
}

Test(start_record, has_every_order_before_it_reaches_a_slot)
{
    struct job_seen job;
    struct start_record record;
    uint8_t bytes[START_RECORD_BYTES];
    for (uint32_t i = 0; i < 3; i++) {
        job_order(&job, 0);
        job_reaches(&job, 0);
        cr_assert(world_start(i, bytes, &record), "start %u", i);
        cr_expect(job_id_equal(&record.job_id, &job.id));
        cr_expect_eq(record.command, 0);
        cr_expect_eq(record.generation, world.policy->generation);
        cr_expect_eq(record.incarnation, 77);
        cr_expect(clock_unix_ms() - record.unix_ms < 60000);
        cr_assert_eq(record.audit_head.size, sizeof order_head);
        cr_expect_arr_eq(record.audit_head.data, order_head, sizeof order_head);
        supervisor_says(0, CELL_STARTED, NULL);
        job_is_launched(&job);
        finish(&job, 0);
    }
    cr_expect_not(world_start(3, bytes, &record));
}

Test(start_record, refuses_a_job_that_it_cannot_write_down)
{
    struct job_seen job;
    struct start_record record;
    uint8_t bytes[START_RECORD_BYTES];
    cr_assert_eq(fcntl(world.starts, F_ADD_SEALS, F_SEAL_GROW), 0); /* stands in for a full disk */
    job_order(&job, 0);
    struct msg_exited exited = job_exits(&job);
    cr_expect_eq(exited.reason, JOB_REASON_LAUNCH_FAILED);
    cr_expect_str_eq(exited.step, "start-record");
    cr_expect_not_null(strstr(exited.message, "write the start record"), "%s", exited.message);
    cr_expect_not(world_start(0, bytes, &record));
    struct pollfd fd = { .fd = world.supervisors[0], .events = POLLIN };
    cr_expect_eq(poll(&fd, 1, 100), 0, "the slot heard of it");
}

static void begin_full(void)
{
    world_is_full = true;
    world_begin();
}

TestSuite(start_record_full, .init = begin_full, .fini = world_end, .timeout = 60);

Test(start_record_full, lets_a_job_wait_while_there_is_no_room_for_it)
{
    struct job_seen job;
    struct message message;
    struct start_record record;
    uint8_t bytes[START_RECORD_BYTES];
    for (int i = 0; i < 2; i++) {
        job_order(&job, 0);
        keeper_hears(MSG_NOT_LAUNCHED, &message);
        cr_expect_eq(message.body.not_launched.why, NOT_LAUNCHED_NO_ROOM);
        cr_expect_not(world_start(0, bytes, &record));
    }
}
