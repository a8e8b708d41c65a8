/* The steps of a sequence, those that had their turn and those that wait for it. */
#include <string.h>

#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

struct children {
    struct keeper *keeper;
    uint32_t count;
    struct child {
        struct job_id id;
        uint8_t state;
        char message[ERROR_TEXT_MAX_BYTES];
    } steps[STEP_COUNT_MAX + 1];
};

static bool take_child(void *arg, const struct job_record *stored)
{
    struct children *children = arg;
    const struct job *job = job_find(children->keeper, &stored->id);
    const struct job_record *record = job != NULL ? &job->record : stored;
    if (record->step_index < 1 || record->step_index > children->count)
        return true;
    struct child *child = &children->steps[record->step_index];
    *child = (struct child){ .id = record->id, .state = record->state };
    text_copy(child->message, sizeof child->message, record->message);
    return true;
}

static int send_step(struct keeper *keeper, const struct request *request, const struct job_record *record,
                     const struct child *child, uint32_t index, struct error *err)
{
    struct job_step step;
    int found = store_step_read(keeper->store, &record->id, index, &step, err);
    if (found <= 0)
        return found;
    struct msg_step told = {
        .index = index, .continues = step.continues, .job_id = child->id, .state = child->state, .params = step.params
    };
    bool has_child = !job_id_is_none(&child->id);
    told.is_skipped = !has_child && (step.refusal[0] != '\0' || job_has_ended(record->state));
    text_copy(told.command, sizeof told.command, step.command);
    text_copy(told.message, sizeof told.message, has_child ? child->message : step.refusal);
    request_answer(keeper, request, MSG_STEP, &told);
    return 0;
}

void answer_list_steps(struct keeper *keeper, const struct request *request, const struct message *message)
{
    static struct children children; /* large, and one at a time */
    struct job_record record;
    struct error err = { 0 };
    if (!look_for_job(keeper, request, &message->body.read_job.job_id, &record))
        return;
    memset(&children, 0, sizeof children);
    children.keeper = keeper;
    children.count = record.step_count;
    int done = store_children(keeper->store, &record.id, take_child, &children, &err);
    for (uint32_t i = 1; i <= record.step_count && done == 0; i++)
        done = send_step(keeper, request, &record, &children.steps[i], i, &err);
    if (done < 0)
        request_fail(keeper, request, &err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ 0 });
}
