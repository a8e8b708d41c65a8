/*
 * A job is accepted here, or not at all: who, may they, is it the same request again, are the values right, is there room;
 * then the record, its standard input, its idempotency key and its audit entry in one commit; then the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "files.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "request_digest.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES    (32 * 1024)
#define LABEL_TEXT_MAX      128 /* name or value of a label, bytes */
#define QUEUE_RETRY_AFTER_S 5

/* One submit on its way. */
struct submit {
    const struct request *request;
    const struct msg_submit *asked;
    uint32_t command_index;
    const struct command *command;
    uint64_t stdin_bytes;
    uint8_t redacted[PARAMS_MAX_BYTES]; /* the parameters as a record may keep them */
    struct span params;
    bool has_secrets;
    struct job_label labels[LABEL_COUNT_MAX];
    uint32_t label_count;
    uint8_t digest[HASH_BYTES];
};

static struct key_scope scope_of(const struct submit *submit)
{
    return (struct key_scope){ .actor = submit->request->who->name,
                               .via = caller_via(submit->request->who),
                               .command = submit->command->name,
                               .key = submit->asked->idempotency_key };
}

/* --- checks: each answers itself and returns false when the submit ends there ------------------------------------------- */

static bool check_command(struct keeper *keeper, struct submit *submit)
{
    const char *name = submit->asked->command;
    const struct request *request = submit->request;
    int index = policy_find_command(keeper->rules.policy, name);
    if (index < 0 || !may_see(request->who, name)) {
        request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found", .command = name },
                       "there is no such command");
        return false;
    }
    if (!may_run(request->who, name)) {
        request_refuse(keeper, request, &(struct refusal){ .status = 403, .code = "forbidden", .command = name },
                       "this needs the scope run:%s", name);
        return false;
    }
    submit->command_index = (uint32_t)index;
    submit->command = &keeper->rules.policy->commands[index];
    return true;
}

static void add_error(struct writer *errors, const char *pointer, const char *code, const char *detail)
{
    entries_add_text(errors, ENTRY_ERROR, pointer, code, detail);
}

/* The front gave a memory file that nobody can change any more, or it is no front of ours. */
static bool check_stdin(struct keeper *keeper, struct submit *submit)
{
    struct error err = { 0 };
    const struct request *request = submit->request;
    if (!submit->asked->has_stdin)
        return true;
    if (memfd_check_sealed(request->stdin_fd, UINT64_MAX, &submit->stdin_bytes, &err) < 0) {
        peer_break(&keeper->front, err.text);
        return false;
    }
    uint64_t most =
        submit->command->stdin_max_bytes < STDIN_MAX_BYTES ? submit->command->stdin_max_bytes : STDIN_MAX_BYTES;
    if (submit->command->takes_stdin && submit->stdin_bytes > most) {
        request_refuse(keeper, request,
                       &(struct refusal){ .status = 413, .code = "body-too-large", .command = submit->command->name },
                       "standard input is larger than the %llu bytes that this command takes",
                       (unsigned long long)most);
        return false;
    }
    return true;
}

static void check_labels(struct submit *submit, struct writer *errors)
{
    struct reader in = { submit->asked->labels.data, submit->asked->labels.size };
    struct entry entry;
    int got;
    while ((got = entries_next(&in, &entry)) > 0) {
        if (submit->label_count == LABEL_COUNT_MAX) {
            add_error(errors, "/labels", "max_items", "there are too many labels");
            return;
        }
        bool is_fine = entry.kind == ENTRY_LABEL && entry.name.size > 0 && entry.name.size <= LABEL_TEXT_MAX &&
                       entry.value.size <= LABEL_TEXT_MAX && text_is_utf8(entry.name.data, entry.name.size) &&
                       text_is_utf8(entry.value.data, entry.value.size);
        if (!is_fine) {
            add_error(errors, "/labels", "type", "a label is a name and a value of at most 128 bytes of UTF-8 each");
            return;
        }
        submit->labels[submit->label_count++] = (struct job_label){ entry.name, entry.value };
    }
    if (got < 0)
        add_error(errors, "/labels", "type", "labels are names and values");
}

static int check_values(struct keeper *keeper, struct submit *submit, struct writer *errors, struct error *err)
{
    const struct msg_submit *asked = submit->asked;
    if (asked->has_stdin && !submit->command->takes_stdin)
        add_error(errors, "/stdin", "unknown", "this command takes no standard input");
    if (asked->timeout_ms > submit->command->timeout_ms)
        add_error(errors, "/timeout", "max", "the command's own timeout may only be shortened");
    if (!text_is_utf8(asked->reason, strlen(asked->reason)))
        add_error(errors, "/reason", "utf8", "the reason is not UTF-8");
    check_labels(submit, errors);
    return matcher_check(keeper->rules.matcher, submit->command_index, asked->params, errors, err);
}

/* All that is wrong in one answer. */
static bool check_request(struct keeper *keeper, struct submit *submit)
{
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    int done = check_values(keeper, submit, &errors, &err);
    if (done == -EBADMSG || done == -ENOENT) {
        peer_break(&keeper->front, err.text);
        return false;
    }
    struct span found = { room, (uint32_t)(sizeof room - errors.left) };
    if (done == 0 && found.size == 0)
        return true;
    request_refuse(
        keeper, submit->request,
        &(struct refusal){ .status = 422, .code = "params-invalid", .errors = found, .command = submit->command->name },
        "some values do not fit the command");
    return false;
}

static bool check_room(struct keeper *keeper, const struct submit *submit)
{
    if (keeper->queue.waiting < QUEUE_MAX)
        return true;
    request_refuse(keeper, submit->request,
                   &(struct refusal){ .status = 503,
                                      .code = "queue-full",
                                      .retry_after_s = QUEUE_RETRY_AFTER_S,
                                      .command = submit->command->name },
                   "%u jobs wait already", keeper->queue.waiting);
    return false;
}

static bool redact(struct keeper *keeper, struct submit *submit)
{
    struct writer out = { submit->redacted, sizeof submit->redacted };
    struct error err = { 0 };
    if (matcher_redact(keeper->rules.matcher, submit->command_index, submit->asked->params, &out, &err) < 0) {
        peer_break(&keeper->front, err.text);
        return false;
    }
    submit->params = (struct span){ submit->redacted, (uint32_t)(sizeof submit->redacted - out.left) };
    submit->has_secrets =
        submit->params.size != submit->asked->params.size ||
        (submit->params.size > 0 && memcmp(submit->params.data, submit->asked->params.data, submit->params.size) != 0);
    return true;
}

/* The same request again: the same job, whatever has become of it. */
static bool check_key(struct keeper *keeper, struct submit *submit)
{
    const struct request *request = submit->request;
    struct msg_submitted submitted = { .was_replayed = true };
    uint8_t digest[HASH_BYTES];
    struct error err = { 0 };
    if (submit->asked->idempotency_key[0] == '\0')
        return true;
    int found =
        request_digest(submit->asked, submit->params, request->stdin_fd, submit->stdin_bytes, submit->digest, &err);
    struct key_scope scope = scope_of(submit);
    if (found == 0)
        found = store_key_find(keeper->store, &scope, clock_unix_ms(), &submitted.job_id, digest, &err);
    if (found == 0)
        return true;
    if (found < 0)
        request_fail(keeper, request, &err);
    else if (hash_equal(digest, submit->digest))
        request_answer(keeper, request, MSG_SUBMITTED, &submitted);
    else
        request_refuse(
            keeper, request,
            &(struct refusal){ .status = 422, .code = "idempotency-mismatch", .command = submit->command->name },
            "this idempotency key was used for another request");
    return false;
}

/* --- acceptance --------------------------------------------------------------------------------------------------------- */

/* What is left to do when the commit is through, or was refused. */
struct accepted {
    struct job_id job_id;
    uint32_t request_id;
    unsigned epoch;
};

static void submit_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct accepted *accepted = arg;
    struct msg_submitted submitted = { .job_id = accepted->job_id };
    struct msg_refused refused = { .status = 503,
                                   .code = "store-full",
                                   .retry_after_s = 30,
                                   .detail = "there is no room to record this; try again later" };
    if (!is_stored) {
        struct job *job = job_find(keeper, &accepted->job_id);
        if (job != NULL)
            job_forget(keeper, job);
        files_remove_stdin(keeper->state_fd, &accepted->job_id);
    }
    if (accepted->epoch == keeper->front.epoch)
        peer_send(&keeper->front, is_stored ? MSG_SUBMITTED : MSG_REFUSED, accepted->request_id,
                  is_stored ? (const void *)&submitted : (const void *)&refused, NULL, 0);
    free(accepted);
}

static struct job_record record_of(const struct submit *submit)
{
    const struct request *request = submit->request;
    const struct msg_submit *asked = submit->asked;
    struct job_record record = { .id = job_id_new(),
                                 .state = JOB_QUEUED,
                                 .via = caller_via(request->who),
                                 .version = 1,
                                 .created_unix_ms = clock_unix_ms(),
                                 .has_stdin = asked->has_stdin,
                                 .has_secrets = submit->has_secrets,
                                 .timeout_ms =
                                     asked->timeout_ms != 0 ? asked->timeout_ms : submit->command->timeout_ms };
    text_copy(record.command, sizeof record.command, submit->command->name);
    text_copy(record.actor, sizeof record.actor, request->who->name);
    text_copy(record.address, sizeof record.address, request->evidence->address);
    text_copy(record.why, sizeof record.why, asked->reason);
    return record;
}

/* Everything on disk but the commit. */
static int store_submit(struct keeper *keeper, const struct submit *submit, struct job_record *record,
                        struct error *err)
{
    struct job_input input = { .params = submit->params,
                               .labels = submit->asked->labels,
                               .index = submit->labels,
                               .index_count = submit->label_count };
    struct audit_entry entry = { .what = AUDIT_SUBMIT,
                                 .job_id = &record->id,
                                 .actor = record->actor,
                                 .address = record->address,
                                 .command = record->command,
                                 .detail = record->why,
                                 .count = 1 };
    int done = 0;
    if (record->has_stdin)
        done = files_store_stdin(keeper->state_fd, &record->id, submit->request->stdin_fd, submit->stdin_bytes,
                                 keeper->rules.settings.syncs_fully, err);
    if (done == 0)
        done = turn_write(keeper, err);
    if (done < 0)
        return done;
    done = store_job_add(keeper->store, record, &input, err);
    struct key_scope scope = scope_of(submit);
    if (done == 0 && scope.key[0] != '\0')
        done = store_key_add(keeper->store, &scope, record->created_unix_ms, &record->id, submit->digest, err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, err);
    if (done < 0)
        turn_spoil(keeper); /* a part of it is in the transaction */
    return done;
}

static int keep_secrets(const struct submit *submit, struct job *job, struct error *err)
{
    if (!submit->has_secrets)
        return 0;
    job->secret_params = malloc(submit->asked->params.size);
    if (job->secret_params == NULL)
        return fail(err, ENOMEM, "keep secrets");
    memcpy(job->secret_params, submit->asked->params.data, submit->asked->params.size);
    job->secret_params_bytes = submit->asked->params.size;
    return 0;
}

static int accept_job(struct keeper *keeper, const struct submit *submit, struct job_record *record, struct error *err)
{
    struct accepted *accepted = malloc(sizeof *accepted);
    if (accepted == NULL)
        return fail(err, ENOMEM, "accept a job");
    *accepted =
        (struct accepted){ .job_id = record->id, .request_id = submit->request->id, .epoch = keeper->front.epoch };
    int done = store_submit(keeper, submit, record, err);
    struct job *job = done == 0 ? job_remember(keeper, record) : NULL;
    if (done == 0)
        done = job == NULL ? fail(err, ENOMEM, "accept a job") : keep_secrets(submit, job, err);
    if (done < 0) {
        if (job != NULL)
            job_forget(keeper, job);
        turn_spoil(keeper);
        free(accepted);
        return done;
    }
    job->is_new = true;
    queue_add(keeper, job);
    turn_then(keeper, submit_stored, accepted);
    return 0;
}

void answer_submit(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct submit submit = { .request = request, .asked = &message->body.submit };
    if (!check_command(keeper, &submit) || !check_stdin(keeper, &submit) || !redact(keeper, &submit) ||
        !check_key(keeper, &submit) || !check_request(keeper, &submit) || !check_room(keeper, &submit))
        return;
    struct job_record record = record_of(&submit);
    struct error err = { 0 };
    if (accept_job(keeper, &submit, &record, &err) < 0) {
        if (record.has_stdin)
            files_remove_stdin(keeper->state_fd, &record.id);
        request_fail(keeper, request, &err);
    }
}
