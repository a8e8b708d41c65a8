#include "replacement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "job_life.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

struct replacement {
    struct job_id by;
    uint32_t count;
    struct job_id jobs[];
};

int replacement_new(struct keeper *keeper, const struct submit *submit, struct replacement **ret_replacement,
                    struct error *err)
{
    const struct lane *lane = lane_find(keeper, submit->command->name, submit->queue_key);
    uint32_t count = lane != NULL ? ranking_count(&lane->waiting) : 0;
    struct replacement *replacement = calloc(1, sizeof *replacement + count * sizeof replacement->jobs[0]);
    if (replacement == NULL)
        return fail(err, ENOMEM, "replace what waits");
    const struct job *job = count > 0 ? ranking_first(&lane->waiting) : NULL;
    for (; job != NULL; job = ranking_behind(&lane->waiting, queue_order(job)))
        replacement->jobs[replacement->count++] = job->record.id;
    *ret_replacement = replacement;
    return 0;
}

static void stopped_by_text(const struct job_id *by, char text[NAME_MAX_BYTES])
{
    char id[JOB_ID_TEXT_BYTES];
    snprintf(text, NAME_MAX_BYTES, "job %s", job_id_text(by, id));
}

static void message_text(const struct job_id *by, char text[ERROR_TEXT_MAX_BYTES])
{
    char id[JOB_ID_TEXT_BYTES];
    snprintf(text, ERROR_TEXT_MAX_BYTES, "cancelled before it started: job %s took its place", job_id_text(by, id));
}

void replacement_note_end(struct job_record *record)
{
    record->state = JOB_CANCELLED;
    record->reason = JOB_REASON_CANCELLED;
}

/* As its end will be written once more when it has ended in memory, too. */
static int store_end(struct keeper *keeper, const struct job *job, const struct job_record *by, struct error *err)
{
    char message[ERROR_TEXT_MAX_BYTES];
    struct job_record record = job->record;
    message_text(&by->id, message);
    replacement_note_end(&record);
    record.finished_unix_ms = by->created_unix_ms;
    record.version++;
    stopped_by_text(&by->id, record.stopped_by);
    text_copy(record.message, sizeof record.message, message);
    struct audit_entry entry = { .what = AUDIT_CANCEL,
                                 .job_id = &record.id,
                                 .actor = by->actor,
                                 .address = by->address,
                                 .command = record.command,
                                 .detail = message,
                                 .count = 1 };
    int done = store_job_update(keeper->store, &record, err);
    return done < 0 ? done : audit_record(keeper->store, &entry, err);
}

int replacement_store(struct keeper *keeper, struct replacement *replacement, const struct job_record *by,
                      struct error *err)
{
    int done = 0;
    if (replacement == NULL)
        return 0;
    replacement->by = by->id;
    for (uint32_t i = 0; i < replacement->count && done == 0; i++) {
        const struct job *job = job_find(keeper, &replacement->jobs[i]);
        if (job != NULL)
            done = store_end(keeper, job, by, err);
    }
    return done;
}

void replacement_begin(struct keeper *keeper, struct replacement *replacement)
{
    for (uint32_t i = 0; replacement != NULL && i < replacement->count; i++) {
        struct job *job = job_find(keeper, &replacement->jobs[i]);
        if (job == NULL)
            continue;
        queue_remove(keeper, job);
        job->is_replaced = true;
        job->due |= DUE_CHAIN | DUE_TELL_END;
        turn_job_changed(keeper, job);
    }
}

static void end_job(struct keeper *keeper, const struct replacement *replacement, struct job *job)
{
    char message[ERROR_TEXT_MAX_BYTES];
    message_text(&replacement->by, message);
    if (job->record.stopped_by[0] == '\0')
        stopped_by_text(&replacement->by, job->record.stopped_by);
    job_end_by_keeper(keeper, job, JOB_REASON_CANCELLED, message);
}

void replacement_end(struct keeper *keeper, struct replacement *replacement, bool is_stored)
{
    for (uint32_t i = 0; replacement != NULL && i < replacement->count; i++) {
        struct job *job = job_find(keeper, &replacement->jobs[i]);
        if (job == NULL)
            continue;
        job->is_replaced = false;
        job->due &= ~(unsigned)(DUE_CHAIN | DUE_TELL_END);
        job->is_end_told = is_stored;
        if (job_has_ended(job->record.state))
            continue;
        if (is_stored)
            end_job(keeper, replacement, job);
        else
            queue_add(keeper, job);
    }
    free(replacement);
}
