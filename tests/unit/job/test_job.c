#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/job/job.h"

Test(job, cannot_be_revived_after_it_ended)
{
    for (enum job_state state = JOB_SUCCEEDED; state < JOB_STATE_COUNT; state++)
        for (enum job_event event = 0; event < JOB_EVENT_COUNT; event++)
            cr_expect_eq(job_next(state, event), JOB_REFUSED, "%s, %s", job_state_text(state), job_event_text(event));
}

Test(job, can_end_from_every_state_in_which_it_lives)
{
    for (enum job_state state = JOB_QUEUED; state < JOB_SUCCEEDED; state++)
        cr_expect(job_has_ended(job_next(state, JOB_EXIT)), "%s", job_state_text(state));
}

Test(job, does_not_run_before_it_starts)
{
    cr_expect_eq(job_next(JOB_QUEUED, JOB_LAUNCHED), JOB_REFUSED);
    cr_expect_eq(job_next(JOB_QUEUED, JOB_ADMIT), JOB_STARTING);
    cr_expect_eq(job_next(JOB_STARTING, JOB_LAUNCHED), JOB_RUNNING);
}

Test(job, goes_on_stopping_when_the_answer_to_its_launch_comes_late)
{
    cr_expect_eq(job_next(JOB_STOPPING, JOB_LAUNCHED), JOB_STOPPING);
}

Test(job, goes_back_to_the_queue_only_before_it_ran)
{
    cr_expect_eq(job_next(JOB_STARTING, JOB_REQUEUE), JOB_QUEUED);
    cr_expect_eq(job_next(JOB_RUNNING, JOB_REQUEUE), JOB_REFUSED);
    cr_expect_eq(job_next(JOB_STOPPING, JOB_REQUEUE), JOB_REFUSED);
}

Test(job, ends_in_the_state_that_its_reason_means)
{
    static const struct {
        enum job_reason reason;
        int exit_code;
        enum job_state state;
    } rows[] = {
        { JOB_REASON_EXITED, 0, JOB_SUCCEEDED },
        { JOB_REASON_EXITED, 1, JOB_FAILED },
        { JOB_REASON_EXITED, 255, JOB_FAILED },
        { JOB_REASON_SIGNALLED, 0, JOB_FAILED },
        { JOB_REASON_OOM, 0, JOB_FAILED },
        { JOB_REASON_OUTPUT_LIMIT, 0, JOB_FAILED },
        { JOB_REASON_POLICY_VIOLATION, 0, JOB_FAILED },
        { JOB_REASON_TIMED_OUT, 0, JOB_TIMED_OUT },
        { JOB_REASON_CPU_LIMIT, 0, JOB_TIMED_OUT },
        { JOB_REASON_CANCELLED, 0, JOB_CANCELLED },
        { JOB_REASON_LOST, 0, JOB_LOST },
        { JOB_REASON_LAUNCH_FAILED, 0, JOB_LAUNCH_FAILED },
        { JOB_REASON_REJECTED, 0, JOB_REJECTED },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(job_end_state(rows[i].reason, rows[i].exit_code), rows[i].state, "%s",
                     job_reason_text(rows[i].reason));
}

Test(job, has_one_spelling_for_each_state)
{
    for (enum job_state state = JOB_QUEUED; state < JOB_STATE_COUNT; state++) {
        enum job_state parsed = JOB_REFUSED;
        cr_expect(job_state_parse(job_state_text(state), &parsed));
        cr_expect_eq(parsed, state);
    }
    enum job_state untouched = JOB_RUNNING;
    cr_expect_not(job_state_parse("Running", &untouched));
    cr_expect_not(job_state_parse("", &untouched));
    cr_expect_eq(untouched, JOB_RUNNING);
}

/* The table as text, one row a line. ARCHITECTURE.md's diagram has exactly these arrows. */
Test(job, has_the_arrows_of_the_documented_diagram)
{
    static const char expected[] = "queued admit starting\n"
                                   "queued cancel end\n"
                                   "queued exit end\n"
                                   "starting launched running\n"
                                   "starting cancel stopping\n"
                                   "starting requeue queued\n"
                                   "starting exit end\n"
                                   "running expire stopping\n"
                                   "running cancel stopping\n"
                                   "running exit end\n"
                                   "stopping launched stopping\n"
                                   "stopping expire stopping\n"
                                   "stopping cancel stopping\n"
                                   "stopping exit end\n";
    char table[2048] = "";
    size_t used = 0;
    for (enum job_state state = JOB_QUEUED; state < JOB_STATE_COUNT; state++)
        for (enum job_event event = 0; event < JOB_EVENT_COUNT; event++) {
            enum job_state next = job_next(state, event);
            if (next != JOB_REFUSED)
                used += (size_t)snprintf(table + used, sizeof table - used, "%s %s %s\n", job_state_text(state),
                                         job_event_text(event), job_has_ended(next) ? "end" : job_state_text(next));
        }
    cr_expect_str_eq(table, expected);
}
