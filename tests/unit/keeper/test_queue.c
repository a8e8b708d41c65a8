/* Where a job stands in its queue, however others come and go. */
#include "rig.h"

TestSuite(queue, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

#define JOBS 200

static struct job *jobs[JOBS];
static unsigned job_count;

static void add(const char *command)
{
    struct job_record record = { .id = job_id_new(), .state = JOB_QUEUED, .sequence = job_count + 1 };
    text_copy(record.command, sizeof record.command, command);
    jobs[job_count] = job_remember(keeper, &record);
    cr_assert_not_null(jobs[job_count]);
    queue_add(keeper, jobs[job_count++]);
}

/* By looking: those that wait and were accepted before. */
static unsigned counted(const struct job *job)
{
    unsigned position = 1;
    for (unsigned i = 0; i < job_count; i++)
        position += jobs[i]->is_queued && jobs[i]->record.sequence < job->record.sequence;
    return job->is_queued ? position : 0;
}

static void expect_all(const char *when, unsigned round)
{
    for (unsigned i = 0; i < job_count; i++)
        cr_assert_eq(queue_position(keeper, jobs[i]), counted(jobs[i]), "job %u %s, round %u: %u instead of %u", i,
                     when, round, queue_position(keeper, jobs[i]), counted(jobs[i]));
}

Test(queue, knows_every_position_whoever_comes_and_goes)
{
    unsigned random = 12345;
    for (unsigned i = 0; i < JOBS; i++)
        add(i % 3 == 0 ? "deploy" : "echo");
    expect_all("at first", 0);
    for (unsigned round = 0; round < 400; round++) {
        random = random * 1103515245 + 12345;
        struct job *job = jobs[(random >> 16) % JOBS];
        if (round % 4 == 0) /* one starts */
            for (job = NULL; job == NULL || (!job->is_queued && job != jobs[JOBS - 1]);)
                job = job == NULL ? jobs[0] : jobs[job->record.sequence];
        if (job->is_queued)
            queue_remove(keeper, job);
        else
            queue_add(keeper, job);
        if (round % 3 == 0) /* not after each, so that changes meet */
            expect_all("then", round);
    }
    expect_all("at last", 400);
}

Test(queue, counts_anew_from_an_empty_one)
{
    add("echo");
    queue_remove(keeper, jobs[0]);
    add("echo");
    cr_expect_eq(queue_position(keeper, jobs[1]), 1);
    queue_add(keeper, jobs[0]);
    cr_expect_eq(queue_position(keeper, jobs[0]), 1);
    cr_expect_eq(queue_position(keeper, jobs[1]), 2);
}
