/*
 * A job once more: a submit whose command and parameters are read from the record of another job. What the record does not
 * have cannot be had again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#define LABELS_MAX_BYTES 4096

/* NULL when it can be run again. */
static const char *why_not(const struct job_record *record, const char **ret_code)
{
    *ret_code = "input-not-kept";
    if (record->is_metadata_only)
        return "its parameters were not kept, for its command keeps metadata only; submit it with them";
    if (record->has_stdin && !(record->is_stdin_stream && record->stdin_bytes == 0))
        return "it had standard input, which is kept until a job's end and not given to another; submit it with that";
    if (record->has_files)
        return "it had files, which are kept until a job's end and not given to another; submit it with them";
    *ret_code = "secrets-required";
    return record->has_secrets ? "it had secret parameters, which are never kept; submit it with them" : NULL;
}

/* What the store lends is gone with its next question, and there are many on the way. */
static int copy_input(struct keeper *keeper, const struct job_record *record, const struct msg_submit *asked,
                      struct msg_submit *submit, struct error *err)
{
    static uint8_t params_room[PARAMS_MAX_BYTES], labels_room[LABELS_MAX_BYTES];
    struct span params, labels;
    int found = store_job_input(keeper->store, &record->id, &params, &labels, err);
    if (found <= 0 || params.size > sizeof params_room || labels.size > sizeof labels_room)
        return found < 0 ? found : fail_plain(err, EBADMSG, "the parameters of a job are damaged");
    if (params.size > 0)
        memcpy(params_room, params.data, params.size);
    submit->params = (struct span){ params_room, params.size };
    if (asked->labels.size > 0)
        return 0;
    if (labels.size > 0)
        memcpy(labels_room, labels.data, labels.size);
    submit->labels = (struct span){ labels_room, labels.size };
    return 0;
}

static bool copy_step(const struct job_step *step, struct writer *out)
{
    const struct span name = { (const uint8_t *)step->command, (uint32_t)strlen(step->command) };
    const struct span mark = { (const uint8_t *)"continue", step->continues ? 8 : 0 };
    return entries_add(out, ENTRY_STEP, name, step->params, mark);
}

/* The steps of a sequence that a caller put together, as it wrote them; a listed one has its own. */
static int copy_steps(struct keeper *keeper, const struct job_record *record, struct msg_submit *submit,
                      struct error *err)
{
    static uint8_t room[PARAMS_MAX_BYTES];
    struct writer out = { room, sizeof room };
    if (strcmp(record->command, SEQUENCE_NAME) != 0)
        return 0;
    for (uint32_t index = 1; index <= record->step_count; index++) {
        struct job_step step;
        int found = store_step_read(keeper->store, &record->id, index, &step, err);
        if (found <= 0 || !copy_step(&step, &out))
            return found < 0 ? found : fail_plain(err, EBADMSG, "the steps of a sequence are damaged");
    }
    submit->steps = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    submit->parallel = record->parallel;
    return 0;
}

static void submit_again(struct keeper *keeper, const struct request *request, const struct msg_submit *asked,
                         const struct job_record *record)
{
    static struct message message; /* large, and one at a time: nothing of it is used after the answer */
    struct error err = { 0 };
    char id[JOB_ID_TEXT_BYTES];
    message.type = MSG_SUBMIT;
    message.body.submit = *asked;
    message.body.submit.rerun_of = (struct job_id){ 0 };
    text_copy(message.body.submit.command, NAME_MAX_BYTES, record->command);
    if (asked->reason[0] == '\0')
        snprintf(message.body.submit.reason, REASON_MAX_BYTES, "rerun of %s", job_id_text(&record->id, id));
    if (copy_input(keeper, record, asked, &message.body.submit, &err) < 0 ||
        copy_steps(keeper, record, &message.body.submit, &err) < 0)
        request_fail(keeper, request, &err);
    else
        answer_submit(keeper, request, &message);
}

void answer_rerun(struct keeper *keeper, const struct request *request, const struct msg_submit *asked)
{
    struct job_record record;
    const char *code, *why;
    if (asked->has_stdin || asked->has_files || asked->params.size > 0)
        request_distrust(keeper, request, "a rerun with parameters or input of its own");
    else if (!look_for_job(keeper, request, &asked->rerun_of, &record))
        return;
    else if ((why = why_not(&record, &code)) != NULL && may_run(request->who, record.command))
        request_refuse(
            keeper, request,
            &(struct refusal){ .status = 409, .code = code, .job_id = &record.id, .command = record.command }, "%s",
            why);
    else
        submit_again(keeper, request, asked, &record);
}
