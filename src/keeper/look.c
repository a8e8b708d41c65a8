/* The requests that only look. What a caller may not see does not exist. */
#include <errno.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "output.h"
#include "output_files.h"
#include "report.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

void answer_whoami(struct keeper *keeper, const struct request *request, const struct message *message)
{
    (void)message;
    struct msg_identity identity = { .via = caller_via(request->who),
                                     .expires_unix_ms = request->who->expires_unix_ms };
    text_copy(identity.actor, sizeof identity.actor, request->who->name);
    caller_scopes_text(request->who, identity.scopes, sizeof identity.scopes);
    request_answer(keeper, request, MSG_IDENTITY, &identity);
}

void answer_list_commands(struct keeper *keeper, const struct request *request, const struct message *message)
{
    uint8_t visible[COMMAND_COUNT_MAX / 8] = { 0 }, runnable[COMMAND_COUNT_MAX / 8] = { 0 },
                                        paused[COMMAND_COUNT_MAX / 8] = { 0 };
    const struct policy *policy = keeper->rules.policy;
    const char *named = message->body.list_commands.command;
    for (uint32_t i = 0; i < policy->command_count; i++) {
        const char *name = policy->commands[i].name;
        uint8_t bit = (uint8_t)(1u << (i % 8));
        if (!may_see(request->who, name))
            continue;
        visible[i / 8] |= bit;
        if (may_run(request->who, name))
            runnable[i / 8] |= bit;
        if (pause_find(keeper, name) != NULL)
            paused[i / 8] |= bit;
    }
    uint32_t bytes = (policy->command_count + 7) / 8;
    struct msg_commands commands = { .visible = { visible, bytes },
                                     .runnable = { runnable, bytes },
                                     .paused = { paused, bytes },
                                     .generation = keeper->rules.generation };
    if (named[0] != '\0' && may_see(request->who, named))
        pause_tell(keeper, named, &commands.pause);
    request_answer(keeper, request, MSG_COMMANDS, &commands);
}

bool look_for_job(struct keeper *keeper, const struct request *request, const struct job_id *id,
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
    if (found > 0 && may_read(request->who, ret_record->actor, ret_record->via))
        return true;
    request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found", .job_id = id },
                   "there is no such job");
    return false;
}

/* False when the front asked for what it may not: then there is no answer but the end of its connection. */
static bool open_watch(struct keeper *keeper, const struct request *request, enum watch_kind kind,
                       const struct job_id *id)
{
    struct error err = { 0 };
    struct job *job = job_find(keeper, id);
    if (job == NULL || job->is_over)
        return true; /* the answer is the last word */
    int done = watch_add(keeper, request, kind, job, &err);
    if (done == -EEXIST) {
        peer_break(&keeper->front, err.text);
        return false;
    }
    if (done < 0) {
        request_refuse(keeper, request, &(struct refusal){ .status = 429, .code = "rate-limited", .retry_after_s = 5 },
                       "too many streams are open; try again later");
        return false;
    }
    return true;
}

void answer_read_job(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_read_job *asked = &message->body.read_job;
    struct job_record record;
    struct msg_job report;
    struct error err = { 0 };
    if (!look_for_job(keeper, request, &asked->job_id, &record))
        return;
    if (report_job(keeper, &record, &report, &err) < 0) {
        request_fail(keeper, request, &err);
        return;
    }
    if (!asked->watch || open_watch(keeper, request, WATCH_JOB, &asked->job_id))
        request_answer(keeper, request, MSG_JOB, &report);
}

/* Both files, read-only, and how much of them is whole. The answer's hash lasts until the next call. */
static int open_output(struct keeper *keeper, const struct job_record *record, int fds[2],
                       struct msg_output *ret_output, struct error *err)
{
    static uint8_t sha256[HASH_BYTES];
    const struct job *job = job_find(keeper, &record->id);
    struct msg_output output = { .job_id = record->id, .is_complete = job == NULL || job->is_over };
    int done = 0;
    if (!output.is_complete)
        done = output_files_make(keeper->state_fd, &record->id, err); /* who follows it reads from the first byte on */
    if (done == 0)
        done = output_files_read(keeper->state_fd, &record->id, &fds[0], &fds[1], err);
    if (done == -ENOENT && record->output_bytes == 0)
        done = output_files_read_nothing(keeper->state_fd, &fds[0], &fds[1], err);
    if (done < 0)
        return done;
    if (job != NULL && job->output != NULL) {
        output.bytes = job->output->bytes;
        output.records = job->output->records;
    } else {
        done = output_measure(fds[0], fds[1], &output.bytes, &output.records, err);
    }
    /* A log that is not as long as its record says is not the one that was hashed. */
    if (output.is_complete && output.bytes == record->output_bytes &&
        text_unhex(record->output_sha256, HASH_BYTES, sha256))
        output.sha256 = (struct span){ sha256, HASH_BYTES };
    *ret_output = output;
    return done;
}

/* Of an ended job: what the record says of both files. A record of an older release does not know the index. */
static int check_stored(const struct job_record *record, const struct msg_output *output, struct error *err)
{
    uint64_t stored_bytes =
        output->bytes + (uint64_t)output->records * OUTPUT_RECORD_BYTES + record->artifacts_stored_bytes;
    if (record->output_fate != OUTPUT_KEPT)
        return 0;
    if (output->bytes != record->output_bytes)
        return fail_plain(err, EBADMSG, "its log has %llu bytes, and its record says %llu",
                          (unsigned long long)output->bytes, (unsigned long long)record->output_bytes);
    if (stored_bytes != record->output_stored_bytes && record->output_stored_bytes != record->output_bytes)
        return fail_plain(err, EBADMSG, "its index has lost records, or has some that are not its own");
    return 0;
}

void look_refuse_damaged(struct keeper *keeper, const struct request *request, const struct job_record *record,
                         const struct error *err)
{
    char id[JOB_ID_TEXT_BYTES];
    log_error("job=%s: its output is damaged (%s); keeper/output/ has what is left, and a backup may have all of it",
              job_id_text(&record->id, id), err->text);
    struct msg_refused refused = { .status = 500 };
    text_copy(refused.code, sizeof refused.code, "internal");
    text_copy(
        refused.detail, sizeof refused.detail,
        "the stored output of this job is damaged, and no part of it is passed off as all; the service's log says "
        "more");
    request_answer(keeper, request, MSG_REFUSED, &refused);
}

/* As after a crash between a removal and its record, or when somebody else removed it. */
static void note_missing(const struct job_record *record)
{
    char id[JOB_ID_TEXT_BYTES];
    if (!record->is_metadata_only)
        log_warn(
            "job=%s: its output is not in keeper/output/, though its record says that it is kept; answering that it "
            "was removed",
            job_id_text(&record->id, id));
}

bool look_is_gone(const struct job_record *record)
{
    return record->output_fate == OUTPUT_REMOVED || (record->output_fate == OUTPUT_KEPT && record->is_metadata_only &&
                                                     retention_is_over(record->finished_unix_ms));
}

void look_refuse_gone(struct keeper *keeper, const struct request *request, const struct job_record *record)
{
    request_refuse(keeper, request, &(struct refusal){ .status = 410, .code = "output-expired", .job_id = &record->id },
                   record->is_metadata_only
                       ? "its command keeps metadata only: the output was removed after the job's end"
                       : "the output was removed; the record of the job remains");
}

int look_open_output(struct keeper *keeper, const struct job_record *record, int fds[2], struct msg_output *ret_output,
                     struct error *err)
{
    if (look_is_gone(record))
        return fail_plain(err, ENOENT, "it was removed");
    int done = open_output(keeper, record, fds, ret_output, err);
    return done < 0 ? done : check_stored(record, ret_output, err);
}

void answer_read_output(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_read_job *asked = &message->body.read_job;
    struct job_record record;
    struct msg_output output;
    struct error err = { 0 };
    if (!look_for_job(keeper, request, &asked->job_id, &record))
        return;
    int fds[2] = { -1, -1 };
    int done = look_open_output(keeper, &record, fds, &output, &err);
    if (done == -ENOENT && record.output_fate == OUTPUT_KEPT && !removals_have(&keeper->removals, &record.id))
        note_missing(&record);
    if (done == -ENOENT)
        look_refuse_gone(keeper, request, &record);
    else if (done == -EBADMSG)
        look_refuse_damaged(keeper, request, &record, &err);
    else if (done < 0)
        request_fail(keeper, request, &err);
    else if (!asked->watch || open_watch(keeper, request, WATCH_OUTPUT, &asked->job_id))
        turn_send(keeper, &keeper->front, MSG_OUTPUT, request->id, &output, fds, 2);
    for (int i = 0; i < 2; i++)
        fd_close(&fds[i]);
}
