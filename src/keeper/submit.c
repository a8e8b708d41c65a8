/*
 * A job is accepted here: its standard input first, beside the work of the loop (intake.h); then the record, its
 * idempotency key and its audit entry in one commit; then the answer.
 */
#include "submit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "intake.h"
#include "job_life.h"
#include "keeper.h"
#include "own_submit.h"
#include "output_files.h"
#include "stdin_file.h"
#include "steps.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

/* What is left to do when the commit is through, or was refused. */
struct accepted {
    struct job_id job_id;
    uint32_t request_id;
    unsigned epoch;
    struct own_submit *own; /* who hears of it; NULL: the front */
};

/* As if it had never come. A free slot may have taken it within the turn, and made the files of its output. */
static void undo(struct keeper *keeper, const struct job_id *id)
{
    struct error err = { 0 };
    struct job *job = job_find(keeper, id);
    if (job != NULL)
        job_forget(keeper, job);
    stdin_file_remove(keeper->state_fd, id);
    if (output_files_remove(keeper->state_fd, id, &err) < 0)
        log_warn("the empty output of a job that was refused stays: %s", err.text);
}

static void submit_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct accepted *accepted = arg;
    struct msg_submitted submitted = { .job_id = accepted->job_id };
    struct msg_refused refused = { .status = 0 };
    if (!is_stored) {
        undo(keeper, &accepted->job_id);
        request_refusal(&keeper->turn.failure, &refused);
    }
    if (accepted->own != NULL)
        accepted->own->heard(keeper, accepted->own, is_stored ? &submitted : NULL, is_stored ? NULL : &refused);
    else if (accepted->epoch == keeper->front.epoch)
        peer_send(&keeper->front, is_stored ? MSG_SUBMITTED : MSG_REFUSED, accepted->request_id,
                  is_stored ? (const void *)&submitted : (const void *)&refused, NULL, 0);
    free(accepted);
}

static void set_origin(struct job_record *record, const struct own_submit *own)
{
    record->source = (uint8_t)own->source;
    record->parent = own->parent;
    record->step_index = own->step_index;
    text_copy(record->origin, sizeof record->origin, own->origin);
}

static struct job_record record_of(const struct submit *submit)
{
    const struct request *request = submit->request;
    const struct msg_submit *asked = submit->asked;
    struct job_record record = { .id = request->intake != NULL ? request->intake->job_id : job_id_new(),
                                 .state = JOB_QUEUED,
                                 .priority = PRIORITY_DEFAULT,
                                 .via = caller_via(request->who),
                                 .version = 1,
                                 .created_unix_ms = clock_unix_ms(),
                                 .has_stdin = asked->has_stdin,
                                 .has_secrets = submit->has_secrets,
                                 .is_metadata_only = submit->command->keeps_metadata_only,
                                 .timeout_ms =
                                     asked->timeout_ms != 0 ? asked->timeout_ms : submit->command->timeout_ms };
    record.step_count = submit->step_count;
    if (submit->step_count > 0)
        record.parallel = asked->parallel > 0 ? asked->parallel : submit->command->parallel;
    text_copy(record.command, sizeof record.command, submit->command->name);
    text_copy(record.actor, sizeof record.actor, request->who->name);
    text_copy(record.address, sizeof record.address, request->evidence->address);
    text_copy(record.why, sizeof record.why, asked->reason);
    if (request->own != NULL)
        set_origin(&record, request->own);
    return record;
}

/* Everything but the commit. */
static int store_submit(struct keeper *keeper, const struct submit *submit, struct job_record *record,
                        struct error *err)
{
    struct job_input input = { .params = submit->params,
                               .labels = submit->asked->labels,
                               .index = submit->labels,
                               .index_count = submit->label_count };
    struct audit_entry entry = { .what = AUDIT_SUBMIT,
                                 .job_id = &record->id,
                                 .actor = record->actor,
                                 .address = record->address,
                                 .command = record->command,
                                 .detail = record->why,
                                 .count = 1 };
    int done = turn_write(keeper, err);
    if (done < 0)
        return done;
    done = store_job_add(keeper->store, record, &input, err);
    if (done == 0 && submit->step_count > 0)
        done = steps_store(keeper, submit, &record->id, err);
    struct key_scope scope = submit_scope(submit);
    if (done == 0 && scope.key[0] != '\0')
        done = store_key_add(keeper->store, &scope, record->created_unix_ms, &record->id, submit->digest, err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, err);
    if (done < 0)
        turn_spoil(keeper, err); /* a part of it is in the transaction */
    return done;
}

static bool keep_secrets(const struct submit *submit, struct job *job)
{
    if (!submit->has_secrets)
        return true;
    job->secret_params = malloc(submit->asked->params.size);
    if (job->secret_params == NULL)
        return false;
    memcpy(job->secret_params, submit->asked->params.data, submit->asked->params.size);
    job->secret_params_bytes = submit->asked->params.size;
    return true;
}

/* The job in memory. False when there is none left; nothing of it stays then. */
static bool remember(struct keeper *keeper, const struct submit *submit, const struct job_record *record)
{
    struct job *job = job_remember(keeper, record);
    if (job == NULL)
        return false;
    if (!keep_secrets(submit, job)) {
        job_forget(keeper, job);
        return false;
    }
    job->is_new = true;
    feed_note(keeper, job);
    queue_add(keeper, job);
    return true;
}

static int accept_job(struct keeper *keeper, const struct submit *submit, struct job_record *record, struct error *err)
{
    struct accepted *accepted = malloc(sizeof *accepted);
    if (accepted == NULL)
        return fail(err, ENOMEM, "accept a job");
    *accepted = (struct accepted){ .job_id = record->id,
                                   .request_id = submit->request->id,
                                   .epoch = keeper->front.epoch,
                                   .own = submit->request->own };
    int done = store_submit(keeper, submit, record, err);
    if (done == 0 && !remember(keeper, submit, record)) {
        done = fail(err, ENOMEM, "accept a job");
        turn_spoil(keeper, err);
    }
    if (done < 0) {
        free(accepted);
        return done;
    }
    turn_then(keeper, submit_stored, accepted);
    return 0;
}

void answer_submit(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct submit submit = { .request = request, .asked = &message->body.submit };
    if (!submit_check(keeper, &submit))
        return;
    struct error err = { 0 };
    if (submit_needs_intake(&submit)) {
        bool wants_hash = submit.asked->idempotency_key[0] != '\0';
        if (intake_begin(keeper, message, request->stdin_fd, submit.stdin_bytes, wants_hash, &err) < 0)
            request_fail(keeper, request, &err);
        return;
    }
    struct job_record record = record_of(&submit);
    if (accept_job(keeper, &submit, &record, &err) < 0)
        request_fail(keeper, request, &err);
    else if (request->intake != NULL)
        request->intake->is_taken = true;
}
