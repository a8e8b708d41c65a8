#include "job_table.h"

#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "output.h"
#include "stdin_ready.h"
#include "stdin_stream.h"

/* Ids are random in their last bytes. */
static unsigned bucket_of(const struct job_id *id)
{
    return ((unsigned)id->bytes[14] << 8 | id->bytes[15]) % JOB_TABLE_BUCKETS;
}

struct job *job_find(struct keeper *keeper, const struct job_id *id)
{
    struct job *job;
    LIST_FOREACH(job, &keeper->jobs.buckets[bucket_of(id)], in_table)
    if (job_id_equal(&job->record.id, id))
        return job;
    return NULL;
}

struct job *job_remember(struct keeper *keeper, const struct job_record *record)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->record = *record;
    job->stdin_fd = job->files_fd = -1;
    LIST_INIT(&job->watches);
    LIST_INSERT_HEAD(&keeper->jobs.buckets[bucket_of(&record->id)], job, in_table);
    keeper->jobs.count++;
    return job;
}

void job_forget_secrets(struct job *job)
{
    if (job->secret_params != NULL)
        explicit_bzero(job->secret_params, job->secret_params_bytes);
    free(job->secret_params);
    job->secret_params = NULL;
    job->secret_params_bytes = 0;
}

void job_forget(struct keeper *keeper, struct job *job)
{
    watches_forget_job(keeper, job);
    if (job->is_new)
        feed_undo(keeper, &job->record.id);
    queue_remove(keeper, job);
    queue_free_slot(keeper, job);
    if (job->is_changed)
        TAILQ_REMOVE(&keeper->turn.changed, job, in_changed);
    if (job->is_sequence_due)
        TAILQ_REMOVE(&keeper->sequences_due, job, in_due);
    output_free(job->output);
    stdin_forget(keeper, job);
    stdin_stream_free(job);
    job_forget_secrets(job);
    free(job->exited);
    LIST_REMOVE(job, in_table);
    keeper->jobs.count--;
    free(job);
}

void jobs_each(struct keeper *keeper, void (*visit)(struct keeper *keeper, struct job *job))
{
    for (unsigned i = 0; i < JOB_TABLE_BUCKETS; i++) {
        struct job *job = LIST_FIRST(&keeper->jobs.buckets[i]);
        while (job != NULL) {
            struct job *next = LIST_NEXT(job, in_table);
            visit(keeper, job);
            job = next;
        }
    }
}

bool job_is_under_way(const struct job *job)
{
    return job->has_slot && !job->is_over && job->record.step_count == 0;
}

unsigned jobs_under_way(const struct keeper *keeper)
{
    unsigned count = 0;
    const struct job *job;
    for (unsigned i = 0; i < JOB_TABLE_BUCKETS; i++)
        LIST_FOREACH(job, &keeper->jobs.buckets[i], in_table)
    count += job_is_under_way(job);
    return count;
}
