/* A body becomes a message that the codec takes, or a problem; never anything between. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"

#include "json_in.h"
#include "json_login.h"
#include "problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(struct span entries)
{
    struct reader in = { entries.data, entries.size };
    struct entry entry;
    int got;
    while ((got = entries_next(&in, &entry)) > 0)
        ;
    if (got < 0)
        abort();
}

/* Each holds entries of its own. */
static void check_steps(struct span steps)
{
    struct reader in = { steps.data, steps.size };
    struct entry entry;
    check_entries(steps);
    while (entries_next(&in, &entry) > 0)
        check_entries(entry.value);
}

static void check_submit(const struct submission *submission)
{
    static uint8_t frame[MESSAGE_MAX_BYTES];
    struct writer out = { frame, sizeof frame };
    struct error err = { 0 };
    if (record_encode(&message_defs[MSG_SUBMIT], &submission->submit, &out, &err) < 0)
        abort();
    check_entries(submission->submit.params);
    check_entries(submission->submit.labels);
    check_steps(submission->submit.steps);
}

static void check_problem(struct problem *problem)
{
    if (problem->status < 400 || problem->code[0] == '\0')
        abort();
    problem_done(problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const submits[])(const void *body, size_t size, struct submission *ret_submission,
                                  struct problem *problem) = { json_in_submit, json_in_sequence, json_in_rerun };
    static struct submission submission;
    struct msg_cancel cancel;
    struct msg_signal signal;
    struct msg_drain drain;
    struct msg_pause pause;
    struct login login;
    struct problem problem;
    if (size > REQUEST_JSON_MAX_BYTES)
        return 0;
    for (size_t i = 0; i < sizeof submits / sizeof submits[0]; i++) {
        if (submits[i](data, size, &submission, &problem) == 0) {
            check_submit(&submission);
            submission_done(&submission);
        } else {
            check_problem(&problem);
        }
    }
    if (json_in_pause(data, size, &pause, &problem) < 0)
        check_problem(&problem);
    if (json_in_resume(data, size, &pause, &problem) < 0)
        check_problem(&problem);
    if (json_in_cancel(data, size, &cancel, &problem) < 0)
        check_problem(&problem);
    if (json_in_signal(data, size, &signal, &problem) < 0)
        check_problem(&problem);
    if (json_in_drain(data, size, &drain, &problem) < 0)
        check_problem(&problem);
    if (json_in_login(data, size, &login, &problem) < 0)
        check_problem(&problem);
    else if (login.asked.password.size == 0 || login.asked.password.size > PASSWORD_MAX_BYTES)
        abort();
    if (json_in_nothing(data, size, &problem) < 0)
        check_problem(&problem);
    return 0;
}
