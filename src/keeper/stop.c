/* Cancel and signal: recorded first, then done. */
#include <stdlib.h>

#include "authorize.h"
#include "deed.h"
#include "job_life.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "launcher_ask.h"
#include "sallyport/base/error.h"

static void cancel_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct deed *deed = arg;
    struct job *job = job_find(keeper, &deed->job_id);
    struct msg_cancelled cancelled = { .has_changed =
                                           job != NULL && job->exited == NULL && !job_has_ended(job->record.state) };
    if (!is_stored) {
        deed_refuse(keeper, deed);
    } else {
        if (cancelled.has_changed)
            job_stop(keeper, job, JOB_REASON_CANCELLED, deed->actor, deed->has_grace, deed->grace_ms);
        deed_answer(keeper, deed, MSG_CANCELLED, &cancelled);
    }
    free(deed);
}

static void signal_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct deed *deed = arg;
    struct job *job = job_find(keeper, &deed->job_id);
    if (!is_stored) {
        deed_refuse(keeper, deed);
    } else {
        if (job != NULL && job->exited == NULL)
            ask_signal(keeper, job, deed->signal);
        deed_answer(keeper, deed, MSG_SIGNALLED, &(struct msg_empty){ 0 });
    }
    free(deed);
}

/* The record of a job that the caller may stop; otherwise the refusal is on its way. */
static bool find_stoppable(struct keeper *keeper, const struct request *request, const struct job_id *id,
                           struct job_record *ret_record)
{
    struct error err = { 0 };
    const struct job *job = job_find(keeper, id);
    int found = 1;
    if (job != NULL && !turn_hides(keeper, job))
        *ret_record = job->record;
    else
        found = store_job_read(keeper->store, id, ret_record, &err);
    if (found < 0) {
        request_fail(keeper, request, &err);
        return false;
    }
    bool may = found > 0 && may_cancel(request->who, ret_record->actor, ret_record->via);
    if (may)
        return true;
    if (found > 0 && may_read(request->who, ret_record->actor, ret_record->via))
        request_refuse(
            keeper, request,
            &(struct refusal){ .status = 403, .code = "forbidden", .job_id = id, .command = ret_record->command },
            "this needs a scope: cancel:own for jobs of the same caller, cancel:all for any");
    else
        request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found", .job_id = id },
                       "there is no such job");
    return false;
}

void answer_cancel(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_cancel *asked = &message->body.cancel;
    struct job_record record;
    if (!find_stoppable(keeper, request, &asked->job_id, &record))
        return;
    if (job_has_ended(record.state)) {
        request_answer(keeper, request, MSG_CANCELLED, &(struct msg_cancelled){ .has_changed = false });
        return;
    }
    struct deed deed = { .job_id = asked->job_id, .has_grace = asked->has_grace, .grace_ms = asked->grace_ms };
    struct audit_entry entry = { .what = AUDIT_CANCEL,
                                 .job_id = &asked->job_id,
                                 .actor = request->who->name,
                                 .count = 1,
                                 .address = request->evidence->address,
                                 .command = record.command,
                                 .detail = asked->reason };
    deed_when_stored(keeper, request, &deed, &entry, cancel_stored);
}

static bool may_be_sent(const struct keeper *keeper, const struct job_record *record, uint8_t signal)
{
    int index = policy_find_command(keeper->rules.policy, record->command);
    return index >= 0 && signal >= 1 && signal <= 64 &&
           (keeper->rules.policy->commands[index].signals & (1ull << (signal - 1))) != 0;
}

void answer_signal(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_signal *asked = &message->body.signal;
    struct job_record record;
    if (!find_stoppable(keeper, request, &asked->job_id, &record))
        return;
    struct refusal refusal = { .job_id = &asked->job_id, .command = record.command };
    if (!may_be_sent(keeper, &record, asked->signal)) {
        refusal.status = 403;
        refusal.code = "forbidden";
        request_refuse(keeper, request, &refusal, "the command does not list signal %u under `signals`", asked->signal);
        return;
    }
    if (record.state != JOB_RUNNING) {
        refusal.status = 409;
        refusal.code = "job-not-active";
        request_refuse(keeper, request, &refusal, "the job is %s; only a running one can be sent a signal",
                       job_state_text(record.state));
        return;
    }
    struct deed deed = { .job_id = asked->job_id, .signal = asked->signal };
    struct audit_entry entry = { .what = AUDIT_SIGNAL,
                                 .job_id = &asked->job_id,
                                 .actor = request->who->name,
                                 .count = 1,
                                 .address = request->evidence->address,
                                 .command = record.command };
    deed_when_stored(keeper, request, &deed, &entry, signal_stored);
}
