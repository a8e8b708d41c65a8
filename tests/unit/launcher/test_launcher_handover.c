/* The launcher believes its bootstrap, and ends at once when what comes from there does not fit. Through the real program. */
#include "world.h"

#include <sys/mman.h>

static void begin(void)
{
    if (!world_hand_over())
        SKIP("needs root and SALLYPORT_BIN");
}

/* It must have ended by itself, as a failure. */
static void end_failed(void)
{
    int status = 0;
    if (world.launcher <= 0)
        return;
    cr_expect_eq(waitpid(world.launcher, &status, 0), world.launcher);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status 0x%x", (unsigned)status);
    if (world.groups >= 0)
        cr_expect_eq(groups_remove(world.groups_path), 0);
    policy_free(world.policy);
}

TestSuite(launcher_handover, .init = begin, .fini = end_failed, .timeout = 60);

Test(launcher_handover, ends_when_asked_to_begin_without_a_policy)
{
    world_tell(world.control, MSG_BEGIN, NULL, NULL, 0);
}

Test(launcher_handover, ends_at_a_root_for_a_slot_that_is_not_there)
{
    struct msg_slot_root root = { .slot = SLOTS };
    world_hand(MSG_SLOT_ROOT, &root, open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
}

Test(launcher_handover, ends_at_a_policy_that_can_still_be_changed)
{
    struct msg_generation body = { .generation = 1 };
    world_hand(MSG_POLICY, &body, memfd_create("policy", MFD_CLOEXEC));
}

Test(launcher_handover, ends_at_settings_of_another_generation)
{
    struct record_file file = { 0 };
    world_hand_file(MSG_SETTINGS, 1, &file);
}

Test(launcher_handover, ends_at_what_is_for_another_process)
{
    world_hand(MSG_STATE_DIR, NULL, open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Test(launcher_handover, ends_when_its_ids_come_twice)
{
    struct msg_become become = { .uid = LAUNCHER_UID, .gid = LAUNCHER_UID };
    world_tell(world.control, MSG_BECOME, &become, NULL, 0);
}

Test(launcher_handover, ends_at_a_start_record_that_could_be_rewritten)
{
    world_hand(MSG_START_RECORD, NULL, memfd_create("starts", MFD_CLOEXEC));
}

Test(launcher_handover, ends_when_it_gets_another_start_record)
{
    world_serve();
    world_hand_starts();
}

Test(launcher_handover, ends_when_groups_come_after_lockdown)
{
    world_serve();
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world_hand(MSG_CGROUP, NULL, fd);
}

TestSuite(launcher_patience, .init = begin, .fini = world_end, .timeout = 60);

Test(launcher_patience, waits_for_supervisors_before_it_greets_and_not_for_ever)
{
    struct message message;
    world_hand_parts();
    world_hand_keeper();
    world_tell(world.control, MSG_BEGIN, NULL, NULL, 0);
    supervisor_says(0, CELL_READY, NULL);
    keeper_hears_nothing(1000);
    keeper_hears(MSG_HELLO, &message); /* SUPERVISOR_READY_WAIT_MS: the second one hangs */
    struct job_seen job;
    job_run(&job, 0, 0);
    supervisor_says(0, CELL_ENDED, &(struct cell_ended){ .has_started = true, .has_status = true });
    cr_expect_eq(job_exits(&job).reason, JOB_REASON_EXITED);
    job_is_seen(&job);
}
