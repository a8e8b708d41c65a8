/*
 * A dry run. It goes through the checks of every submit (submit.h) to where a job would be accepted, and tells the verdict.
 * Nothing is recorded: nobody did anything.
 */
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define ARGV_SHOWN_BYTES (24 * 1024) /* what one message has room for; of a longer one nothing is shown */

void trial_refuse(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                  const char *detail)
{
    struct msg_verdict verdict = { .errors = refusal->errors, .retry_after_s = refusal->retry_after_s };
    text_copy(verdict.code, sizeof verdict.code, refusal->code);
    text_copy(verdict.detail, sizeof verdict.detail, detail);
    request_answer(keeper, request, MSG_VERDICT, &verdict);
}

void trial_join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id)
{
    request_answer(keeper, submit->request, MSG_VERDICT, &(struct msg_verdict){ .job_id = *job_id });
}

/* A secret is not in it: its placeholder is the path of a file. */
static void show_argv(struct keeper *keeper, const struct submit *submit, struct msg_verdict *verdict)
{
    static uint8_t argv_room[ARGV_SHOWN_BYTES], env_room[ARGV_MAX_BYTES];
    struct writer argv = { argv_room, sizeof argv_room }, env = { env_room, sizeof env_room };
    struct error err = { 0 };
    uint32_t argc, envc;
    verdict->has_argv = matcher_expand(keeper->rules.matcher, submit->command_index, submit->given, &argv, &argc, &env,
                                       &envc, &err) == 0;
    if (verdict->has_argv)
        verdict->argv = (struct span){ argv_room, (uint32_t)(sizeof argv_room - argv.left) };
    explicit_bzero(env_room, sizeof env_room); /* there may be secrets in it */
}

void trial_accept(struct keeper *keeper, const struct submit *submit)
{
    struct msg_verdict verdict = { 0 };
    struct job_record record = submit_record(submit);
    verdict.wait = (uint8_t)queue_forecast(keeper, &record, &verdict.position, verdict.queued_reason);
    if (may_see_argv(submit->request->who) && !command_is_sequence(submit->command))
        show_argv(keeper, submit, &verdict);
    request_answer(keeper, submit->request, MSG_VERDICT, &verdict);
}
