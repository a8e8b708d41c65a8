#include "chain.h"

#include <string.h>

#include "job_life.h"
#include "keeper.h"
#include "own_submit.h"
#include "replacement.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/policy_follow.h"

static const char *following; /* the command that is being submitted; NULL when a commit's end is heard of */

static void chain_heard(struct keeper *keeper, struct own_submit *own, const struct msg_submitted *submitted,
                        const struct msg_refused *refused)
{
    (void)keeper;
    (void)own;
    if (submitted == NULL && following != NULL)
        log_warn("'%s' should have followed a job and was refused: %u %s: %s; it is not tried again", following,
                 refused->status, refused->code, refused->detail);
}

/* A cancelled job has nothing follow but what cleans up. */
static bool is_due(uint8_t when, uint8_t state)
{
    if (when == FOLLOW_THEN)
        return state == JOB_SUCCEEDED;
    if (when == FOLLOW_ON_FAILURE)
        return state != JOB_SUCCEEDED && state != JOB_CANCELLED;
    return when == FOLLOW_ALWAYS;
}

static void follow(struct keeper *keeper, const struct job_record *record, const struct command *from,
                   const struct follow *what, struct span given)
{
    static uint8_t room[PARAMS_MAX_BYTES];
    static struct msg_submit asked;
    static struct own_submit own; /* heard of again when the commit is through */
    char id[JOB_ID_TEXT_BYTES];
    const struct job_facts facts = { .id = job_id_text(&record->id, id),
                                     .state = job_state_text(record->state),
                                     .reason = job_reason_text(record->reason),
                                     .exit_code = record->exit_code };
    struct writer out = { room, sizeof room };
    struct setting_scope scope;
    struct error err = { 0 };
    const char *target = keeper->rules.policy->commands[what->command].name;
    if (follow_expand(keeper->rules.policy, from, what, given, &facts, &out, &err) < 0) {
        log_warn("'%s' should have followed a job of '%s' and cannot: %s; it is not tried again", target,
                 record->command, err.text);
        return;
    }
    struct caller who = caller_for(record->actor, record->via, target, &scope);
    asked = (struct msg_submit){ .params = { room, (uint32_t)(sizeof room - out.left) } };
    own = (struct own_submit){ .source = JOB_SOURCE_CHAIN, .origin = "", .parent = record->id, .heard = chain_heard };
    text_copy(asked.command, sizeof asked.command, target);
    text_copy(asked.reason, sizeof asked.reason, record->why);
    following = target;
    submit_own(keeper, &own, &who, &asked);
    following = NULL;
}

static void follow_all(struct keeper *keeper, const struct job_record *record)
{
    static uint8_t given[PARAMS_MAX_BYTES]; /* the store's own copy is gone with the next question to it */
    struct span params = { 0 }, labels;
    struct error err = { 0 };
    int index = policy_find_command(keeper->rules.policy, record->command);
    if (index < 0)
        return;
    const struct command *from = &keeper->rules.policy->commands[index];
    if (from->follow_count == from->step_count)
        return;
    if (store_job_input(keeper->store, &record->id, &params, &labels, &err) < 0)
        log_error("what a job of '%s' was given cannot be read: %s", record->command, err.text);
    if (params.size > sizeof given)
        params.size = 0;
    if (params.size > 0)
        memcpy(given, params.data, params.size);
    params.data = given;
    for (uint32_t i = from->step_count; i < from->follow_count; i++)
        if (is_due(from->follows[i].when, record->state))
            follow(keeper, record, from, &from->follows[i], params);
}

bool chains_follow(struct keeper *keeper)
{
    bool has_any = false;
    struct job *job;
    TAILQ_FOREACH(job, &keeper->turn.changed, in_changed)
    {
        if ((job->due & DUE_CHAIN) == 0 || job->has_followed)
            continue;
        job->has_followed = true;
        has_any = true;
        struct job_record record = job->record;
        if (job->is_replaced) /* whose end this commit brings, before it ends in memory */
            replacement_note_end(&record);
        follow_all(keeper, &record);
    }
    return has_any;
}
