#include "sallyport/json/predecessors.h"

#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"

/* Errors of Node's system calls, which http-runner's clients know a program by that could not be started. */
#define NODE_ENOENT (-2)

void predecessor_called(const struct msg_job *job, char called[CALLED_MAX_BYTES])
{
    struct reader in = { job->labels.data, job->labels.size };
    struct entry entry;
    text_copy(called, CALLED_MAX_BYTES, job->command);
    while (entries_next(&in, &entry) > 0)
        if (entry.kind == ENTRY_LABEL && span_is(entry.name, LABEL_CALLED))
            text_copy_bytes(called, CALLED_MAX_BYTES, (const char *)entry.value.data, entry.value.size);
}

json_t *http_runner_id(const struct job_id *id)
{
    char text[2 * JOB_ID_BYTES + 1];
    text_hex(id->bytes, sizeof id->bytes, text);
    return json_sprintf("%s%s", text, HTTP_RUNNER_ID_TAIL);
}

/* No text is one empty argument, whether or not the command has a parameter for it. */
static json_t *arguments_of(const struct msg_job *job)
{
    struct reader in = { job->params.data, job->params.size };
    struct entry entry;
    json_t *arguments = json_array();
    while (entries_next(&in, &entry) > 0)
        if (entry.kind == ENTRY_ITEM + ENTRY_STRING && span_is(entry.name, "args"))
            json_array_append_new(arguments, json_stringn((const char *)entry.value.data, entry.value.size));
    if (json_array_size(arguments) == 0)
        json_array_append_new(arguments, json_string(""));
    return arguments;
}

/* Of a program that never ran. */
static json_t *spawn_error(const struct msg_job *job, const char *called, json_t *arguments)
{
    if (job->reason != JOB_REASON_LAUNCH_FAILED)
        return json_pack("{s:s, s:s}", "code", job_reason_text(job->reason), "message", job->message);
    return json_pack("{s:i, s:s, s:o, s:s, s:O, s:s}", "errno", NODE_ENOENT, "code", "ENOENT", "syscall",
                     json_sprintf("spawn %s", called), "path", called, "spawnargs", arguments, "message", job->message);
}

static json_t *code_of(const struct msg_job *job)
{
    if (job->reason == JOB_REASON_LAUNCH_FAILED)
        return json_integer(NODE_ENOENT);
    return job->reason == JOB_REASON_EXITED ? json_integer(job->exit_code) : json_null();
}

json_t *http_runner_members(const struct msg_job *job)
{
    char called[CALLED_MAX_BYTES];
    json_t *arguments = arguments_of(job);
    predecessor_called(job, called);
    bool never_ran =
        job->reason == JOB_REASON_LAUNCH_FAILED || job->reason == JOB_REASON_REJECTED || job->reason == JOB_REASON_LOST;
    json_t *err = never_ran ? spawn_error(job, called, arguments) : json_null();
    json_t *object = json_pack("{s:o, s:o, s:s, s:o}", "id", http_runner_id(&job->job_id), "code", code_of(job),
                               "command", called, "arguments", arguments);
    if (job->callback.size > 0)
        json_object_set_new(object, "callback", json_stringn((const char *)job->callback.data, job->callback.size));
    if (job_has_ended(job->state)) /* that it is there at all says so */
        json_object_set(object, "err", err);
    json_decref(err);
    return object;
}
