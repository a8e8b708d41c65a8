/*
 * A request arrives with the evidence of whoever made it. First the evidence, then the right, then what is asked: a caller
 * without a credential learns nothing, and one without the right no more than that.
 */
#include "keeper_answer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "authorize.h"
#include "files.h"
#include "keeper.h"
#include "launcher_answer.h"
#include "output.h"
#include "report.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

enum phase { PHASE_SERVING = 1, PHASE_DRAINING = 2, PHASE_BOTH = 3 };

void front_tell_status(struct keeper *keeper)
{
    struct msg_status status = { .is_launcher_up = launcher_is_up(keeper),
                                 .is_draining = keeper->drain.is_on,
                                 .generation = keeper->rules.generation };
    if (keeper->front.is_connected)
        peer_send(&keeper->front, MSG_STATUS, 0, &status, NULL, 0);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

void request_answer(struct keeper *keeper, const struct request *request, enum msg_type type, const void *body)
{
    turn_send(keeper, &keeper->front, type, request->id, body, NULL, 0);
}

static void record_refusal(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                           const char *detail)
{
    if (request->who == NULL) {
        refusals_note(keeper, request->evidence->address);
        return;
    }
    char text[ERROR_TEXT_MAX_BYTES];
    struct error err = { 0 };
    snprintf(text, sizeof text, "%s: %u %s: %s", message_defs[request->type].name, refusal->status, refusal->code,
             detail);
    struct audit_entry entry = { .what = AUDIT_REFUSED,
                                 .job_id = refusal->job_id,
                                 .actor = request->who->name,
                                 .count = 1,
                                 .address = request->evidence->address,
                                 .command = refusal->command,
                                 .detail = text };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, &err);
    if (done < 0) {
        log_error("a refusal could not be recorded: %s", err.text);
        turn_spoil(keeper);
    }
}

static void send_refusal(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                         const char *detail)
{
    struct msg_refused refused = { .status = refusal->status,
                                   .errors = refusal->errors,
                                   .retry_after_s = refusal->retry_after_s };
    text_copy(refused.code, sizeof refused.code, refusal->code);
    text_copy(refused.detail, sizeof refused.detail, detail);
    request_answer(keeper, request, MSG_REFUSED, &refused);
}

void request_refuse(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                    const char *format, ...)
{
    char detail[ERROR_TEXT_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    record_refusal(keeper, request, refusal, detail);
    send_refusal(keeper, request, refusal, detail);
}

void request_fail(struct keeper *keeper, const struct request *request, const struct error *err)
{
    bool is_full = err->code == ENOSPC || err->code == EDQUOT || err->code == EROFS;
    struct refusal refusal = { .status = is_full ? 503 : 500,
                               .code = is_full ? "store-full" : "internal",
                               .retry_after_s = is_full ? 30 : 0 };
    log_error("a request (%s) failed: %s", message_defs[request->type].name, err->text);
    send_refusal(keeper, request, &refusal,
                 is_full ? "there is no room to record this; try again later"
                         : "the service failed; its log says more");
}

/* --- the requests that only look -------------------------------------------------------------------------------------- */

static void answer_whoami(struct keeper *keeper, const struct request *request, const struct message *message)
{
    (void)message;
    struct msg_identity identity = { .via = caller_via(request->who),
                                     .expires_unix_ms = request->who->expires_unix_ms };
    text_copy(identity.actor, sizeof identity.actor, request->who->name);
    caller_scopes_text(request->who, identity.scopes, sizeof identity.scopes);
    request_answer(keeper, request, MSG_IDENTITY, &identity);
}

static void answer_list_commands(struct keeper *keeper, const struct request *request, const struct message *message)
{
    uint8_t visible[COMMAND_COUNT_MAX / 8] = { 0 }, runnable[COMMAND_COUNT_MAX / 8] = { 0 };
    const struct policy *policy = keeper->rules.policy;
    (void)message;
    for (uint32_t i = 0; i < policy->command_count; i++) {
        if (may_see(request->who, policy->commands[i].name))
            visible[i / 8] |= (uint8_t)(1u << (i % 8));
        if (may_run(request->who, policy->commands[i].name))
            runnable[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    uint32_t bytes = (policy->command_count + 7) / 8;
    struct msg_commands commands = { .visible = { visible, bytes },
                                     .runnable = { runnable, bytes },
                                     .generation = keeper->rules.generation };
    request_answer(keeper, request, MSG_COMMANDS, &commands);
}

/* The record of a job that the caller may read. Otherwise the refusal is on its way: what may not be seen does not exist. */
static bool find_readable(struct keeper *keeper, const struct request *request, const struct job_id *id,
                          struct job_record *ret_record)
{
    struct error err = { 0 };
    const struct job *job = job_find(keeper, id);
    int found = 1;
    if (job != NULL)
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
    int done = watch_add(keeper, request->id, kind, job, request->who, &err);
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

static void answer_read_job(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_read_job *asked = &message->body.read_job;
    struct job_record record;
    struct msg_job report;
    struct error err = { 0 };
    if (!find_readable(keeper, request, &asked->job_id, &record))
        return;
    if (report_job(keeper, &record, &report, &err) < 0) {
        request_fail(keeper, request, &err);
        return;
    }
    if (!asked->watch || open_watch(keeper, request, WATCH_JOB, &asked->job_id))
        request_answer(keeper, request, MSG_JOB, &report);
}

/* Both files, read-only, and how much of them is whole. */
static int open_output(struct keeper *keeper, const struct job_record *record, int fds[2],
                       struct msg_output *ret_output, struct error *err)
{
    const struct job *job = job_find(keeper, &record->id);
    struct msg_output output = { .job_id = record->id, .is_complete = job == NULL || job->is_over };
    int done = 0;
    if (!output.is_complete)
        done = files_make_output(keeper->state_fd, &record->id, err); /* who follows it reads from the first byte on */
    if (done == 0)
        done = files_open_reader(keeper->state_fd, &record->id, &fds[0], &fds[1], err);
    if (done == -ENOENT && record->output_bytes == 0)
        done = files_open_nothing(keeper->state_fd, &fds[0], &fds[1], err);
    if (done < 0)
        return done;
    if (job != NULL && job->output != NULL) {
        output.bytes = job->output->bytes;
        output.records = job->output->records;
    } else {
        done = output_measure(fds[0], fds[1], &output.bytes, &output.records, err);
    }
    *ret_output = output;
    return done;
}

static void answer_read_output(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_read_job *asked = &message->body.read_job;
    struct job_record record;
    struct msg_output output;
    struct error err = { 0 };
    if (!find_readable(keeper, request, &asked->job_id, &record))
        return;
    int fds[2] = { -1, -1 };
    int done = open_output(keeper, &record, fds, &output, &err);
    if (done == -ENOENT)
        request_refuse(keeper, request,
                       &(struct refusal){ .status = 410, .code = "output-expired", .job_id = &record.id },
                       "the output was removed; the record of the job remains");
    else if (done < 0)
        request_fail(keeper, request, &err);
    else if (!asked->watch || open_watch(keeper, request, WATCH_OUTPUT, &asked->job_id))
        turn_send(keeper, &keeper->front, MSG_OUTPUT, request->id, &output, fds, 2);
    for (int i = 0; i < 2; i++)
        fd_close(&fds[i]);
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

static const struct answer {
    void (*run)(struct keeper *keeper, const struct request *request, const struct message *message);
    unsigned phases;
} answers[MSG_COUNT] = {
    [MSG_WHOAMI] = { answer_whoami, PHASE_BOTH },           [MSG_LIST_COMMANDS] = { answer_list_commands, PHASE_BOTH },
    [MSG_SUBMIT] = { answer_submit, PHASE_SERVING },        [MSG_READ_JOB] = { answer_read_job, PHASE_BOTH },
    [MSG_READ_OUTPUT] = { answer_read_output, PHASE_BOTH }, [MSG_LIST_JOBS] = { answer_list_jobs, PHASE_BOTH },
    [MSG_CANCEL] = { answer_cancel, PHASE_BOTH },           [MSG_SIGNAL] = { answer_signal, PHASE_BOTH },
};

/* Every request begins with its evidence, so that nobody can forget to look at it. */
static_assert(offsetof(struct msg_whoami, evidence) == 0 && offsetof(struct msg_submit, evidence) == 0 &&
                  offsetof(struct msg_read_job, evidence) == 0 && offsetof(struct msg_list_jobs, evidence) == 0 &&
                  offsetof(struct msg_cancel, evidence) == 0 && offsetof(struct msg_signal, evidence) == 0,
              "evidence comes first");

/* The descriptors must be the ones that the message speaks of: a connection, then standard input. */
static bool sort_fds(const struct message *message, int *ret_connection_fd, int *ret_stdin_fd)
{
    const struct evidence *evidence = &message->body.whoami.evidence;
    unsigned wanted = 0;
    *ret_connection_fd = *ret_stdin_fd = -1;
    if (evidence->kind == EVIDENCE_PEER) {
        if (message->fd_count <= wanted)
            return false;
        *ret_connection_fd = message->fds[wanted++];
    }
    if (message->type == MSG_SUBMIT && message->body.submit.has_stdin) {
        if (message->fd_count <= wanted)
            return false;
        *ret_stdin_fd = message->fds[wanted++];
    }
    return message->fd_count == wanted;
}

static void answer_request(struct keeper *keeper, const struct message *message)
{
    const struct answer *answer = &answers[message->type];
    struct request request = { .id = message->request_id,
                               .type = message->type,
                               .evidence = &message->body.whoami.evidence };
    int connection_fd;
    if (!sort_fds(message, &connection_fd, &request.stdin_fd)) {
        peer_break(&keeper->front, "descriptors that its message does not speak of");
        return;
    }
    request.who = authorize(&keeper->rules, request.evidence, connection_fd, clock_unix_ms());
    if (request.who == NULL)
        request_refuse(keeper, &request, &(struct refusal){ .status = 401, .code = "unauthenticated" },
                       "no credential that is known here, or one that has expired");
    else if ((answer->phases & (keeper->drain.is_on ? PHASE_DRAINING : PHASE_SERVING)) == 0)
        request_refuse(keeper, &request, &(struct refusal){ .status = 503, .code = "draining", .retry_after_s = 10 },
                       "the service is stopping and takes no new work");
    else
        answer->run(keeper, &request, message);
}

void front_take(struct keeper *keeper, struct message *message)
{
    if (message->type == MSG_UNWATCH)
        watch_remove(keeper, message->request_id);
    else if (answers[message->type].run != NULL)
        answer_request(keeper, message);
    else
        peer_break(&keeper->front, "a message that it may not send");
}
