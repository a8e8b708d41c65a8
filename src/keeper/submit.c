/*
 * A job is accepted here: its standard input and files first, beside the work of the loop (intake.h); then the record, its
 * idempotency key and its audit entry in one commit; then the answer.
 */
#include "submit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "call.h"
#include "intake.h"
#include "job_life.h"
#include "keeper.h"
#include "own_submit.h"
#include "output_files.h"
#include "request_callback.h"
#include "replacement.h"
#include "stdin_file.h"
#include "steps.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

/* What is left to do when the commit is through, or was refused. */
struct accepted {
    struct job_id job_id;
    enum joined joined; /* the job was there before */
    bool is_call;
    uint32_t request_id;
    unsigned epoch;
    struct own_submit *own; /* who hears of it; NULL: the front */
    struct replacement *replacement;
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
    struct msg_submitted submitted = { .job_id = accepted->job_id,
                                       .was_coalesced = accepted->joined == JOINED_COALESCED,
                                       .was_deduplicated = accepted->joined == JOINED_DEDUPLICATED };
    struct msg_refused refused = { .status = 0 };
    if (!is_stored) {
        if (accepted->joined == JOINED_NONE)
            undo(keeper, &accepted->job_id);
        request_refusal(&keeper->turn.failure, &refused);
        if (accepted->is_call && accepted->epoch == keeper->front.epoch)
            watch_remove(keeper, accepted->request_id);
    }
    replacement_end(keeper, accepted->replacement, is_stored);
    if (accepted->own != NULL)
        accepted->own->heard(keeper, accepted->own, is_stored ? &submitted : NULL, is_stored ? NULL : &refused);
    else if (accepted->epoch == keeper->front.epoch)
        peer_send(&keeper->front, is_stored ? MSG_SUBMITTED : MSG_REFUSED, accepted->request_id,
                  is_stored ? (const void *)&submitted : (const void *)&refused, NULL, 0);
    if (is_stored && accepted->is_call && accepted->epoch == keeper->front.epoch)
        call_tell_ended(keeper, accepted->request_id, &accepted->job_id);
    free(accepted);
}

static struct accepted *accepted_new(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                                     enum joined joined)
{
    struct accepted *accepted = malloc(sizeof *accepted);
    if (accepted != NULL)
        *accepted = (struct accepted){ .job_id = *job_id,
                                       .joined = joined,
                                       .is_call = submit->request->type == MSG_CALL,
                                       .request_id = submit->request->id,
                                       .epoch = keeper->front.epoch,
                                       .own = submit->request->own };
    return accepted;
}

static void set_origin(struct job_record *record, const struct own_submit *own)
{
    record->source = (uint8_t)own->source;
    record->parent = own->parent;
    record->step_index = own->step_index;
    text_copy(record->origin, sizeof record->origin, own->origin);
}

struct job_record submit_record(const struct submit *submit)
{
    const struct request *request = submit->request;
    const struct msg_submit *asked = submit->asked;
    bool is_stream = !submit->is_ad_hoc && submit->command->stdin_kind == STDIN_STREAM;
    struct job_record record = { .id = request->intake != NULL ? request->intake->job_id : job_id_new(),
                                 .state = JOB_QUEUED,
                                 .priority = submit->priority,
                                 .via = caller_via(request->who),
                                 .version = 1,
                                 .created_unix_ms = clock_unix_ms(),
                                 .has_stdin = asked->has_stdin || is_stream,
                                 .is_stdin_stream = is_stream,
                                 .has_stdin_ended = is_stream && request->own != NULL, /* nobody would feed it */
                                 .stdin_bytes = asked->has_stdin ? submit->stdin_bytes : 0,
                                 .has_files = asked->has_files,
                                 .has_secrets = submit->has_secrets,
                                 .is_metadata_only = submit->command->keeps_metadata_only,
                                 .timeout_ms =
                                     asked->timeout_ms != 0 ? asked->timeout_ms : submit->command->timeout_ms };
    record.step_count = submit->step_count;
    if (submit->step_count > 0)
        record.parallel = asked->parallel > 0 ? asked->parallel : submit->command->parallel;
    if (request->type == MSG_CALL)
        record.source = JOB_SOURCE_ROUTE;
    text_copy(record.command, sizeof record.command, submit->command->name);
    text_copy(record.actor, sizeof record.actor, request->who->name);
    text_copy(record.address, sizeof record.address, request->evidence->address);
    text_copy(record.why, sizeof record.why, asked->reason);
    text_copy(record.queue_key, sizeof record.queue_key, submit->queue_key);
    if (request->own != NULL)
        set_origin(&record, request->own);
    return record;
}

static int record_submit(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                         const char *detail, struct error *err)
{
    struct audit_entry entry = { .what = AUDIT_SUBMIT,
                                 .job_id = job_id,
                                 .actor = submit->request->who->name,
                                 .address = submit->request->evidence->address,
                                 .command = submit->command->name,
                                 .detail = detail,
                                 .count = 1 };
    struct key_scope scope = submit_scope(submit);
    int done = 0;
    if (scope.key[0] != '\0')
        done = store_key_add(keeper->store, &scope, clock_unix_ms(), job_id, submit->digest, err);
    return done < 0 ? done : audit_record(keeper->store, &entry, err);
}

/* What whoever asked among us wants to be stored with it. */
static int store_for_own(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                         struct error *err)
{
    struct own_submit *own = submit->request->own;
    return own != NULL && own->store != NULL ? own->store(keeper, own, job_id, err) : 0;
}

/* What the rules of the queue remember of it. */
static int note_rules(struct keeper *keeper, const struct submit *submit, const struct job_record *record,
                      struct error *err)
{
    uint64_t now_unix_ms = record->created_unix_ms, window_ms = submit->command->queue.dedupe_ms;
    int done = submit_note_rates(keeper, submit, now_unix_ms, err);
    if (done == 0 && window_ms != 0)
        done = store_dedupe_note(keeper->store, record->command, submit->dedupe_key, &record->id, now_unix_ms,
                                 now_unix_ms + window_ms, err);
    return done;
}

/* Everything but the commit. */
static int store_submit(struct keeper *keeper, const struct submit *submit, struct job_record *record,
                        struct replacement *replacement, struct error *err)
{
    struct job_input input = { .params = submit->params,
                               .labels = submit->asked->labels,
                               .callback = submit->asked->callback_format != CALLBACK_FORMAT_OWN
                                               ? submit->asked->callback_url
                                               : NULL,
                               .index = submit->labels,
                               .index_count = submit->label_count };
    int done = turn_write(keeper, err);
    if (done < 0)
        return done;
    done = store_job_add(keeper->store, record, &input, err);
    if (done == 0 && submit->step_count > 0)
        done = steps_store(keeper, submit, &record->id, err);
    if (done == 0)
        done = request_callback_store(keeper, submit, &record->id, err);
    if (done == 0)
        done = record_submit(keeper, submit, &record->id, record->why, err);
    if (done == 0)
        done = store_for_own(keeper, submit, &record->id, err);
    if (done == 0)
        done = note_rules(keeper, submit, record, err);
    if (done == 0)
        done = replacement_store(keeper, replacement, record, err);
    if (done < 0)
        turn_spoil(keeper, err); /* a part of it is in the transaction */
    return done;
}

static bool keep_secrets(const struct submit *submit, struct job *job)
{
    if (!submit->has_secrets)
        return true;
    job->secret_params = malloc(submit->given.size);
    if (job->secret_params == NULL)
        return false;
    memcpy(job->secret_params, submit->given.data, submit->given.size);
    job->secret_params_bytes = submit->given.size;
    return true;
}

/* The job in memory. False when there is none left; nothing of it stays then. */
static bool remember(struct keeper *keeper, const struct submit *submit, const struct job_record *record)
{
    struct job *job = job_remember(keeper, record);
    if (job == NULL)
        return false;
    struct error err = { 0 };
    if (!keep_secrets(submit, job) || call_follow(keeper, submit->request, job, true, &err) < 0) {
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
    struct accepted *accepted = accepted_new(keeper, submit, &record->id, JOINED_NONE);
    if (accepted == NULL)
        return fail(err, ENOMEM, "accept a job");
    int done = submit->replaces ? replacement_new(keeper, submit, &accepted->replacement, err) : 0;
    if (done == 0)
        done = store_submit(keeper, submit, record, accepted->replacement, err);
    if (done == 0 && !remember(keeper, submit, record)) {
        done = fail(err, ENOMEM, "accept a job");
        turn_spoil(keeper, err);
    }
    if (done < 0) {
        free(accepted->replacement);
        free(accepted);
        return done;
    }
    replacement_begin(keeper, accepted->replacement);
    turn_then(keeper, submit_stored, accepted);
    return 0;
}

static int join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id, enum joined how,
                struct error *err)
{
    struct accepted *accepted = accepted_new(keeper, submit, job_id, how);
    if (accepted == NULL)
        return fail(err, ENOMEM, "answer with a job");
    int done = turn_write(keeper, err);
    if (done == 0)
        done = record_submit(keeper, submit, job_id,
                             how == JOINED_COALESCED ? "coalesced: the job waits already"
                                                     : "deduplicated: the job was accepted a moment ago",
                             err);
    if (done == 0)
        done = request_callback_join(keeper, submit, job_id, err);
    if (done == 0 && submit->request->type == MSG_CALL)
        done = call_join(keeper, submit->request, job_id, err);
    if (done == 0)
        done = store_for_own(keeper, submit, job_id, err);
    if (done < 0) {
        turn_spoil(keeper, err);
        free(accepted);
        return done;
    }
    turn_then(keeper, submit_stored, accepted);
    return 0;
}

void submit_join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id, enum joined how)
{
    struct error err = { 0 };
    if (submit->request->own != NULL && submit->request->own->step_index != 0)
        request_refuse(keeper, submit->request, /* a sequence goes on when its own child ends */
                       &(struct refusal){ .status = 429, .code = "concurrency-full", .command = submit->command->name },
                       "%s, and a step needs a job of its own",
                       how == JOINED_COALESCED ? "a job with its key waits already"
                                               : "the same was accepted a moment ago");
    else if (!request_callback_has_room(keeper, submit, job_id))
        return;
    else if (submit->request->is_trial)
        trial_join(keeper, submit, job_id);
    else if (join(keeper, submit, job_id, how, &err) < 0)
        request_fail(keeper, submit->request, &err);
}

static void accept_submit(struct keeper *keeper, const struct submit *submit)
{
    struct error err = { 0 };
    struct job_record record = submit_record(submit);
    if (accept_job(keeper, submit, &record, &err) < 0)
        request_fail(keeper, submit->request, &err);
    else if (submit->request->intake != NULL)
        submit->request->intake->is_taken = true;
}

static void take_in(struct keeper *keeper, const struct submit *submit, const struct message *message)
{
    struct error err = { 0 };
    const struct intake_wish wish = { .stdin_fd = submit->request->stdin_fd,
                                      .stdin_bytes = submit->stdin_bytes,
                                      .wants_hash = submit->asked->idempotency_key[0] != '\0',
                                      .files_fd = submit->request->files_fd,
                                      .files = &submit->files };
    if (intake_begin(keeper, message, &wish, &err) < 0)
        request_fail(keeper, submit->request, &err);
}

void answer_submit(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct submit submit = { .request = request, .asked = &message->body.submit };
    if (request->type == MSG_CALL && (!job_id_is_none(&submit.asked->rerun_of) || submit.asked->is_trial))
        request_distrust(keeper, request, "a call that is no submit of its own");
    else if (!job_id_is_none(&submit.asked->rerun_of))
        answer_rerun(keeper, request, submit.asked);
    else if (!submit_check(keeper, &submit))
        return;
    else if (submit.asked->is_trial)
        trial_accept(keeper, &submit);
    else if (submit_needs_intake(&submit))
        take_in(keeper, &submit, message);
    else
        accept_submit(keeper, &submit);
}
