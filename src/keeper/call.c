#include "call.h"

#include <errno.h>
#include <stdlib.h>

#include "job_life.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "report.h"
#include "submit.h"
#include "turn_item.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define RETRY_AFTER_S 5

bool call_check(struct keeper *keeper, const struct submit *submit)
{
    const struct request *request = submit->request;
    if (request->type != MSG_CALL)
        return true;
    if (rules_find_route(&keeper->rules, submit->asked->command) == NULL && !submit->command->has_context) {
        request_refuse(keeper, request,
                       &(struct refusal){ .status = 404, .code = "not-found", .command = submit->asked->command },
                       "there is no such function");
        return false;
    }
    if (watch_find(keeper, request->id) != NULL) {
        request_distrust(keeper, request, "a call with a number that is in use");
        return false;
    }
    if (keeper->watches.count < WATCH_COUNT_MAX)
        return true;
    request_refuse(keeper, request,
                   &(struct refusal){ .status = 429, .code = "rate-limited", .retry_after_s = RETRY_AFTER_S },
                   "too many callers wait; try again later");
    return false;
}

int call_follow(struct keeper *keeper, const struct request *request, struct job *job, bool is_new, struct error *err)
{
    if (request->type != MSG_CALL || (request->intake != NULL && request->intake->is_abandoned))
        return 0;
    int done = watch_add(keeper, request, WATCH_CALL, job, err);
    if (done < 0)
        return done;
    watch_find(keeper, request->id)->may_end_job = is_new; /* others may wait for the same one */
    watch_news(keeper, job, false);                        /* it may have ended in this very turn */
    return 0;
}

int call_join(struct keeper *keeper, const struct request *request, const struct job_id *job_id, struct error *err)
{
    struct job *job = job_find(keeper, job_id);
    return job != NULL && !job->is_over ? call_follow(keeper, request, job, false, err) : 0;
}

/* --- the end ------------------------------------------------------------------------------------------------ */

static void tell_no_output(struct keeper *keeper, uint32_t request_id, const struct job_record *record,
                           const struct error *err)
{
    char id[JOB_ID_TEXT_BYTES];
    bool is_gone = err->code == ENOENT;
    struct msg_refused refused = { .status = is_gone ? 410 : 500 };
    if (!is_gone)
        log_error("job=%s: its output cannot be given to its caller: %s", job_id_text(&record->id, id), err->text);
    text_copy(refused.code, sizeof refused.code, is_gone ? "output-expired" : "internal");
    text_copy(refused.detail, sizeof refused.detail,
              is_gone ? "the output was removed; the record of the job remains"
                      : "the job has ended and its output cannot be read; the service's log says more");
    turn_send(keeper, &keeper->front, MSG_REFUSED, request_id, &refused, NULL, 0);
}

static bool has_context(const struct keeper *keeper, const char *name)
{
    const struct command *command = rules_find_command(&keeper->rules, name);
    return command != NULL && command->has_context;
}

/* What a function with a context answers is a file that it left. */
static int tell_artifacts(struct keeper *keeper, uint32_t request_id, const struct job_record *record,
                          struct error *err)
{
    struct msg_artifacts artifacts = { .job_id = record->id };
    int fds[2] = { -1, -1 };
    int done = look_open_artifacts(keeper, record, fds, &artifacts, err);
    if (done == 0)
        turn_send(keeper, &keeper->front, MSG_ARTIFACTS, request_id, &artifacts, fds,
                  artifacts.state == ARTIFACTS_STORED ? 2 : 0);
    for (int i = 0; i < 2; i++)
        fd_close(&fds[i]);
    return done;
}

static int tell_output(struct keeper *keeper, uint32_t request_id, const struct job_record *record, struct error *err)
{
    struct msg_output output;
    int fds[2] = { -1, -1 };
    int done = look_open_output(keeper, record, fds, &output, err);
    if (done == 0)
        turn_send(keeper, &keeper->front, MSG_OUTPUT, request_id, &output, fds, 2);
    for (int i = 0; i < 2; i++)
        fd_close(&fds[i]);
    return done;
}

static void tell_record(struct keeper *keeper, uint32_t request_id, const struct job_record *record)
{
    struct msg_job report;
    struct error err = { 0 };
    int done = report_job(keeper, record, &report, &err);
    if (done == 0) {
        turn_send(keeper, &keeper->front, MSG_JOB, request_id, &report, NULL, 0);
        done = has_context(keeper, record->command) ? tell_artifacts(keeper, request_id, record, &err)
                                                    : tell_output(keeper, request_id, record, &err);
    }
    if (done < 0)
        tell_no_output(keeper, request_id, record, &err);
}

void call_tell(struct keeper *keeper, uint32_t request_id, const struct job *job)
{
    struct job_record record = job->record;
    tell_record(keeper, request_id, &record);
}

void call_tell_ended(struct keeper *keeper, uint32_t request_id, const struct job_id *job_id)
{
    const struct job *job = job_find(keeper, job_id);
    struct job_record record;
    struct error err = { 0 };
    if (job != NULL && !job->is_over)
        return; /* it is watched, or the caller went away meanwhile */
    if (watch_find(keeper, request_id) != NULL)
        return; /* what was noted is told at the end of this turn */
    int found = store_job_read(keeper->store, job_id, &record, &err);
    if (found == 0)
        fail_plain(&err, ENOENT, "its record is gone");
    if (found > 0)
        tell_record(keeper, request_id, &record);
    else
        tell_no_output(keeper, request_id, &(struct job_record){ .id = *job_id }, &err);
}

/* --- a caller that went away ----------------------------------------------------------------------------------- */

static void cancel_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct job_id *id = arg;
    char text[JOB_ID_TEXT_BYTES];
    struct job *job = job_find(keeper, id);
    if (!is_stored)
        log_warn("job=%s goes on though its caller went away: that could not be recorded", job_id_text(id, text));
    else if (job != NULL && job->exited == NULL && !job_has_ended(job->record.state))
        job_stop(keeper, job, JOB_REASON_CANCELLED, job->record.actor, false, 0);
    free(id);
}

static bool ends_with_caller(const struct keeper *keeper, const char *command)
{
    const struct setting_route *route = rules_find_route(&keeper->rules, command);
    const struct command *function = rules_find_command(&keeper->rules, command);
    return (route != NULL && route->ends_with_caller) ||
           (function != NULL && function->has_context && function->ends_with_caller);
}

static void cancel(struct keeper *keeper, const struct watch *watch)
{
    const struct job *job = watch->job;
    struct error err = { 0 };
    if (watch->kind != WATCH_CALL || !watch->may_end_job || job->exited != NULL || job_has_ended(job->record.state) ||
        !ends_with_caller(keeper, job->record.command))
        return;
    struct audit_entry entry = { .what = AUDIT_CANCEL,
                                 .job_id = &job->record.id,
                                 .actor = job->record.actor,
                                 .address = watch->who.address,
                                 .command = job->record.command,
                                 .detail = "the caller of the function went away",
                                 .count = 1 };
    struct job_id *id = malloc(sizeof *id);
    if (id == NULL) {
        log_warn("a job goes on though its caller went away: memory is short");
        return;
    }
    *id = job->record.id;
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, &err);
    if (done == 0) {
        turn_then(keeper, cancel_stored, id);
        return;
    }
    log_warn("a job goes on though its caller went away: %s", err.text);
    turn_spoil(keeper, &err);
    free(id);
}

/* What is still on its way to the disk becomes a job all the same, unless that job would be cancelled at once. */
static void abandon_intake(struct keeper *keeper, uint32_t request_id)
{
    struct intake *intake;
    LIST_FOREACH(intake, &keeper->intakes, in_list)
    if (intake->message->type == MSG_CALL && intake->message->request_id == request_id &&
        intake->epoch == keeper->front.epoch) {
        const struct msg_submit *asked = (const struct msg_submit *)(const void *)intake->message->body;
        intake->is_abandoned = true;
        intake->is_dropped = ends_with_caller(keeper, asked->command);
    }
}

void call_abandon(struct keeper *keeper, uint32_t request_id)
{
    const struct watch *watch = watch_find(keeper, request_id);
    if (watch != NULL)
        cancel(keeper, watch);
    else
        abandon_intake(keeper, request_id);
}

void calls_abandon_all(struct keeper *keeper)
{
    for (unsigned i = 0; i < WATCH_BUCKETS; i++) {
        const struct watch *watch;
        LIST_FOREACH(watch, &keeper->watches.buckets[i], in_table)
        cancel(keeper, watch);
    }
}
