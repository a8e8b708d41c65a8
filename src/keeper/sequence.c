#include "sequence.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "job_life.h"
#include "keeper.h"
#include "own_submit.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

/* How one step stands. */
struct stand {
    bool continues, is_refused, has_child;
    uint8_t state, reason; /* of the child */
    uint32_t exit_code, signal;
    struct job_id child;
};

/* How all of it stands, found out anew each time. */
struct stands {
    struct keeper *keeper;
    uint32_t count, running, next; /* next: from 1; above count when every step has had its turn */
    uint32_t failed;               /* the first that failed and should not have; 0: none */
    struct stand steps[STEP_COUNT_MAX + 1];
    struct job_step failed_step;
};

static struct stands stands; /* large, and one at a time */

void sequence_due(struct keeper *keeper, struct job *job)
{
    if (job->is_sequence_due)
        return;
    job->is_sequence_due = true;
    TAILQ_INSERT_TAIL(&keeper->sequences_due, job, in_due);
    turn_schedule(keeper);
}

void sequence_child_ended(struct keeper *keeper, const struct job *child)
{
    struct job *parent = child->record.step_index > 0 ? job_find(keeper, &child->record.parent) : NULL;
    if (parent != NULL && !job_has_ended(parent->record.state))
        sequence_due(keeper, parent);
}

void sequence_start(struct keeper *keeper, struct job *job)
{
    job->record.started_unix_ms = clock_unix_ms();
    job_change(keeper, job, JOB_ADMIT);
    job_change(keeper, job, JOB_LAUNCHED);
    sequence_due(keeper, job);
}

void sequence_stop(struct keeper *keeper, struct job *job, const char *stopped_by)
{
    if (job->record.stopped_by[0] == '\0')
        text_copy(job->record.stopped_by, sizeof job->record.stopped_by, stopped_by);
    job_change(keeper, job, JOB_CANCEL);
    sequence_due(keeper, job);
}

/* --- how it stands -------------------------------------------------------------------------------------------------- */

static bool take_step(void *arg, const struct job_step *step)
{
    struct stands *all = arg;
    if (step->index >= 1 && step->index <= all->count)
        all->steps[step->index] =
            (struct stand){ .continues = step->continues, .is_refused = step->refusal[0] != '\0' };
    return true;
}

static bool take_child(void *arg, const struct job_record *stored)
{
    struct stands *all = arg;
    const struct job *job = job_find(all->keeper, &stored->id);
    const struct job_record *record = job != NULL ? &job->record : stored; /* memory is ahead */
    if (record->step_index < 1 || record->step_index > all->count)
        return true; /* it follows the sequence, and is no step of it */
    struct stand *stand = &all->steps[record->step_index];
    stand->has_child = true;
    stand->child = record->id;
    stand->state = record->state;
    stand->reason = record->reason;
    stand->exit_code = record->exit_code;
    stand->signal = record->signal;
    return true;
}

static void sum_up(struct stands *all)
{
    for (uint32_t i = 1; i <= all->count; i++) {
        const struct stand *stand = &all->steps[i];
        bool has_ended = stand->has_child && job_has_ended(stand->state);
        all->running += stand->has_child && !has_ended;
        bool has_failed = stand->is_refused || (has_ended && stand->state != JOB_SUCCEEDED);
        if (has_failed && !stand->continues && all->failed == 0)
            all->failed = i;
        if (!stand->has_child && !stand->is_refused && all->next == 0)
            all->next = i;
    }
    if (all->next == 0)
        all->next = all->count + 1;
}

static int look(struct keeper *keeper, const struct job *job, struct error *err)
{
    memset(&stands, 0, sizeof stands);
    stands.keeper = keeper;
    stands.count = job->record.step_count;
    int done = store_steps_list(keeper->store, &job->record.id, take_step, &stands, err);
    if (done == 0)
        done = store_children(keeper->store, &job->record.id, take_child, &stands, err);
    if (done == 0)
        sum_up(&stands);
    return done;
}

/* --- the next step ---------------------------------------------------------------------------------------------------- */

/* The submit of one step: `is_being_made` tells a refusal from a commit that failed later. */
static struct {
    struct own_submit own;
    bool is_being_made, is_refused;
    char why[ERROR_TEXT_MAX_BYTES];
} step_submit;

static void step_heard(struct keeper *keeper, struct own_submit *own, const struct msg_submitted *submitted,
                       const struct msg_refused *refused)
{
    (void)keeper;
    (void)own;
    if (submitted != NULL || !step_submit.is_being_made)
        return; /* accepted; or the commit failed, and the pass is made again */
    step_submit.is_refused = true;
    snprintf(step_submit.why, sizeof step_submit.why, "%u %s: %s", refused->status, refused->code, refused->detail);
}

/* Who asked for the sequence to stand behind others asked it for its steps. */
static void pass_on_priority(const struct keeper *keeper, const struct job *job, struct msg_submit *asked)
{
    const struct command *sequence = rules_find_command(&keeper->rules, job->record.command);
    const struct command *step = rules_find_command(&keeper->rules, asked->command);
    uint8_t priority = job->record.priority;
    if (sequence == NULL || step == NULL || priority >= sequence->queue.priority || priority >= step->queue.priority)
        return;
    asked->has_priority = true;
    asked->priority = priority;
}

static void submit_step(struct keeper *keeper, const struct job *job, const struct job_step *step)
{
    static uint8_t params[PARAMS_MAX_BYTES]; /* the store's own copy is gone with the next question to it */
    static struct msg_submit asked;
    struct setting_scope scope;
    struct caller who = caller_for(job->record.actor, job->record.via, step->command, &scope);
    if (step->params.size > 0)
        memcpy(params, step->params.data, step->params.size);
    asked = (struct msg_submit){ .params = { params, step->params.size } };
    text_copy(asked.command, sizeof asked.command, step->command);
    text_copy(asked.reason, sizeof asked.reason, job->record.why);
    pass_on_priority(keeper, job, &asked);
    step_submit.own = (struct own_submit){ .source = JOB_SOURCE_STEP,
                                           .origin = job->record.origin,
                                           .parent = job->record.id,
                                           .step_index = step->index,
                                           .heard = step_heard };
    step_submit.is_being_made = true;
    step_submit.is_refused = false;
    submit_own(keeper, &step_submit.own, &who, &asked);
    step_submit.is_being_made = false;
}

/* The step has a child, or a refusal on record. */
static int make_step(struct keeper *keeper, struct job *job, uint32_t index, struct error *err)
{
    struct job_step step;
    int found = store_step_read(keeper->store, &job->record.id, index, &step, err);
    if (found == 0)
        found = fail_plain(err, EBADMSG, "step %u is not on record", index);
    if (found < 0)
        return found;
    if (step.params.size > PARAMS_MAX_BYTES)
        return fail_plain(err, EBADMSG, "step %u is larger than it can be", index);
    submit_step(keeper, job, &step);
    if (!step_submit.is_refused)
        return 0;
    int done = turn_write(keeper, err);
    if (done == 0)
        done = store_step_refuse(keeper->store, &job->record.id, index, step_submit.why, err);
    if (done < 0)
        turn_spoil(keeper, err);
    return done;
}

/* --- its end ---------------------------------------------------------------------------------------------------------- */

static void describe_failure(struct keeper *keeper, const struct job *job, struct msg_exited *exited)
{
    const struct stand *stand = &stands.steps[stands.failed];
    struct job_step step = { 0 };
    struct job_record child = { 0 };
    struct error err = { 0 };
    const struct job *live = stand->has_child ? job_find(keeper, &stand->child) : NULL;
    store_step_read(keeper->store, &job->record.id, stands.failed, &step, &err);
    if (live != NULL)
        child = live->record;
    else if (stand->has_child)
        store_job_read(keeper->store, &stand->child, &child, &err);
    snprintf(exited->message, sizeof exited->message, "step %u of %u (%s): %s", stands.failed, stands.count,
             step.command, stand->has_child ? child.message : step.refusal);
}

/* Like its first step that failed; a refusal counts as an end with status 1. */
static void end_failed(struct keeper *keeper, struct job *job, struct msg_exited *exited)
{
    const struct stand *stand = &stands.steps[stands.failed];
    exited->reason = stand->has_child ? stand->reason : JOB_REASON_EXITED;
    exited->exit_code = stand->has_child ? stand->exit_code : 1;
    exited->signal = stand->signal;
    describe_failure(keeper, job, exited);
    if (exited->reason == JOB_REASON_CANCELLED && job->record.stopped_by[0] == '\0')
        text_copy(job->record.stopped_by, sizeof job->record.stopped_by, "the end of a step");
}

static void end(struct keeper *keeper, struct job *job)
{
    struct msg_exited exited = { .job_id = job->record.id,
                                 .reason = JOB_REASON_EXITED,
                                 .finished_unix_ms = clock_unix_ms() };
    if (exited.finished_unix_ms > job->record.started_unix_ms)
        exited.wall_us = (exited.finished_unix_ms - job->record.started_unix_ms) * 1000;
    if (job->record.state == JOB_STOPPING)
        exited.reason = strcmp(job->record.stopped_by, "timeout") == 0 ? JOB_REASON_TIMED_OUT : JOB_REASON_CANCELLED;
    else if (stands.failed != 0)
        end_failed(keeper, job, &exited);
    else
        snprintf(exited.message, sizeof exited.message, "all %u steps are done", stands.count);
    job_end(keeper, job, &exited);
}

/* --- the pass --------------------------------------------------------------------------------------------------------- */

static void stop_children(struct keeper *keeper, const struct job *job)
{
    for (uint32_t i = 1; i <= stands.count; i++) {
        struct job *child = stands.steps[i].has_child ? job_find(keeper, &stands.steps[i].child) : NULL;
        if (child != NULL && child->record.state != JOB_STOPPING && !job_has_ended(child->record.state))
            job_stop(keeper, child, JOB_REASON_CANCELLED, job->record.stopped_by, false, 0);
    }
}

static bool may_go_on(const struct job *job)
{
    return job->record.state == JOB_RUNNING && stands.failed == 0 && stands.next <= stands.count &&
           stands.running < (job->record.parallel > 0 ? job->record.parallel : 1);
}

static int advance(struct keeper *keeper, struct job *job, struct error *err)
{
    int done = look(keeper, job, err);
    if (done == 0 && job->record.state == JOB_STOPPING) {
        stop_children(keeper, job);
        done = look(keeper, job, err); /* one that waited has ended at once */
    }
    while (done == 0 && may_go_on(job)) {
        done = make_step(keeper, job, stands.next, err);
        if (done == 0)
            done = look(keeper, job, err);
    }
    if (done == 0 && stands.running == 0 &&
        (job->record.state == JOB_STOPPING || stands.failed != 0 || stands.next > stands.count))
        end(keeper, job);
    return done;
}

void sequences_advance(struct keeper *keeper)
{
    struct job *job;
    while ((job = TAILQ_FIRST(&keeper->sequences_due)) != NULL) {
        struct error err = { 0 };
        TAILQ_REMOVE(&keeper->sequences_due, job, in_due);
        job->is_sequence_due = false;
        if (job_has_ended(job->record.state) || job->record.state < JOB_RUNNING)
            continue;
        turn_job_changed(keeper, job); /* a commit that fails finds it on that list, and makes the pass again */
        if (advance(keeper, job, &err) < 0) {
            log_error("a sequence of '%s' cannot go on: %s; trying again", job->record.command, err.text);
            turn_spoil(keeper, &err);
        }
    }
}

static void stop_overdue(struct keeper *keeper, struct job *job)
{
    if (job->record.step_count == 0 || job->record.state != JOB_RUNNING)
        return;
    if (clock_unix_ms() < job->record.started_unix_ms + job->record.timeout_ms)
        return;
    text_copy(job->record.stopped_by, sizeof job->record.stopped_by, "timeout");
    job_change(keeper, job, JOB_EXPIRE);
    sequence_due(keeper, job);
}

void sequences_tick(struct keeper *keeper)
{
    jobs_each(keeper, stop_overdue);
}
