/* Who, may they, is it the same request again, are the values right, is there room: all but the rules of the queue. */
#include <errno.h>
#include <string.h>

#include "authorize.h"
#include "call.h"
#include "intake.h"
#include "keeper.h"
#include "own_submit.h"
#include "request_callback.h"
#include "request_digest.h"
#include "steps.h"
#include "submit.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES    (32 * 1024)
#define LABEL_TEXT_MAX      128 /* name or value of a label, bytes */
#define QUEUE_RETRY_AFTER_S 5
#define DRAIN_RETRY_AFTER_S 30

void submit_answer(struct keeper *keeper, const struct request *request, const struct msg_submitted *submitted)
{
    if (request->own != NULL)
        request->own->heard(keeper, request->own, submitted, NULL);
    else
        request_answer(keeper, request, MSG_SUBMITTED, submitted);
    if (request->type == MSG_CALL)
        call_tell_ended(keeper, request->id, &submitted->job_id);
}

struct key_scope submit_scope(const struct submit *submit)
{
    return (struct key_scope){ .actor = submit->request->who->name,
                               .via = caller_via(submit->request->who),
                               .command = submit->command->name,
                               .key = submit->asked->idempotency_key };
}

/* Each check answers itself and returns false when the submit ends there. */

static bool check_command(struct keeper *keeper, struct submit *submit)
{
    const char *name = submit->asked->command;
    const struct request *request = submit->request;
    const struct command *command = rules_find_command(&keeper->rules, name);
    submit->is_ad_hoc = strcmp(name, SEQUENCE_NAME) == 0;
    if (submit->is_ad_hoc) { /* whether they may run its steps is asked for each of them */
        submit->command = command;
        return true;
    }
    int index = policy_find_command(keeper->rules.policy, name);
    bool is_hidden = request->type == MSG_CALL ? !may_run(request->who, name) : !may_see(request->who, name);
    if (index < 0 || is_hidden) {
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
        request_distrust(keeper, submit->request, err.text);
        return false;
    }
    uint64_t most =
        submit->command->stdin_max_bytes < STDIN_MAX_BYTES ? submit->command->stdin_max_bytes : STDIN_MAX_BYTES;
    if (submit->command->stdin_kind != STDIN_NONE && submit->stdin_bytes > most) {
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
    if (asked->has_stdin && submit->command->stdin_kind == STDIN_NONE)
        add_error(errors, "/stdin", "unknown", "this command takes no standard input");
    if (asked->timeout_ms > submit->command->timeout_ms)
        add_error(errors, "/timeout", "max", "the command's own timeout may only be shortened");
    submit->priority = asked->has_priority ? asked->priority : submit->command->queue.priority;
    if (submit->priority > submit->command->queue.priority)
        add_error(errors, "/priority", "max", "the command's own priority may only be lowered");
    if (!text_is_utf8(asked->reason, strlen(asked->reason)))
        add_error(errors, "/reason", "utf8", "the reason is not UTF-8");
    check_labels(submit, errors);
    request_callback_check(keeper, submit, errors);
    if (submit->is_ad_hoc)
        return steps_check(keeper, submit, errors, err);
    int done = matcher_check(keeper->rules.matcher, submit->command_index, submit->given, errors, err);
    if (done == 0 && command_is_sequence(submit->command))
        done = steps_check(keeper, submit, errors, err);
    return done;
}

/* What is no sequence has no steps, and a sequence has some. */
static int count_steps(struct submit *submit, struct error *err)
{
    const struct msg_submit *asked = submit->asked;
    if (!submit->is_ad_hoc && (asked->steps.size > 0 || asked->parallel > 0))
        return fail_plain(err, EBADMSG, "steps for a command that has its own");
    if (submit->is_ad_hoc && (asked->params.size > 0 || asked->has_stdin || asked->has_files))
        return fail_plain(err, EBADMSG, "a sequence with what belongs to its steps");
    if (!command_is_sequence(submit->command))
        return 0;
    int count = steps_count(submit, err);
    if (count == 0)
        return fail_plain(err, EBADMSG, "a sequence without steps");
    submit->step_count = count > 0 ? (uint32_t)count : 0;
    return count < 0 ? count : 0;
}

/* All that is wrong in one answer. */
static bool check_request(struct keeper *keeper, struct submit *submit)
{
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    int done = count_steps(submit, &err);
    if (done == 0 && !submit_check_pins(keeper, submit))
        return false;
    if (done == 0)
        done = check_values(keeper, submit, &errors, &err);
    if (done == -EBADMSG || done == -ENOENT) {
        request_distrust(keeper, submit->request, err.text);
        return false;
    }
    struct span found = { room, (uint32_t)(sizeof room - errors.left) };
    if (done == 0 && found.size == 0)
        return submit_check_step_pins(keeper, submit);
    request_refuse(
        keeper, submit->request,
        &(struct refusal){ .status = 422, .code = "params-invalid", .errors = found, .command = submit->command->name },
        "some values do not fit the command");
    return false;
}

/* What follows from accepted work is no new work: a step or a chain's next job waits in the queue like all others. */
static bool check_drain(struct keeper *keeper, const struct submit *submit)
{
    const struct own_submit *own = submit->request->own;
    if (!keeper->drain.is_on || (own != NULL && !own->is_new_work))
        return true;
    request_refuse(
        keeper, submit->request,
        &(struct refusal){
            .status = 503, .code = "draining", .retry_after_s = DRAIN_RETRY_AFTER_S, .command = submit->command->name },
        "the service is drained and takes no new jobs");
    return false;
}

static bool check_room(struct keeper *keeper, const struct submit *submit)
{
    const char *why = retention_refusal(keeper);
    if (keeper->turn.is_behind) { /* what is known to fail is not tried: the retry of the turn does that */
        request_fail(keeper, submit->request, &keeper->turn.failure);
        return false;
    }
    if (why == NULL && (keeper->queue.waiting < QUEUE_MAX || submit->replaces))
        return true;
    if (why != NULL) {
        request_refuse(keeper, submit->request,
                       &(struct refusal){ .status = 503,
                                          .code = "store-full",
                                          .retry_after_s = STORE_RETRY_AFTER_S,
                                          .command = submit->command->name },
                       "%s", why);
        return false;
    }
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
    if (submit->is_ad_hoc)
        return true; /* it has no parameters, and its steps no secrets */
    if (matcher_redact(keeper->rules.matcher, submit->command_index, submit->given, &out, &err) < 0) {
        request_distrust(keeper, submit->request, err.text);
        return false;
    }
    submit->params = (struct span){ submit->redacted, (uint32_t)(sizeof submit->redacted - out.left) };
    if (submit->command->keeps_metadata_only)
        submit->params.size = 0; /* not in the record, and not in the digest of an idempotency key */
    submit->has_secrets =
        submit->params.size != submit->given.size ||
        (submit->params.size > 0 && memcmp(submit->params.data, submit->given.data, submit->params.size) != 0);
    return true;
}

/* The same request again: the same job, whatever has become of it. */
static bool check_key(struct keeper *keeper, struct submit *submit)
{
    const struct request *request = submit->request;
    struct msg_submitted submitted = { .was_replayed = true };
    uint8_t digest[HASH_BYTES];
    struct error err = { 0 };
    if (submit->asked->idempotency_key[0] == '\0' || request->is_trial)
        return true;
    const uint8_t *stdin_sha256 = submit->asked->has_stdin && request->intake != NULL ? request->intake->sha256 : NULL;
    /* Input is told by its digest also where the record keeps no value. */
    struct span params = submit->command->keeps_metadata_only ? submit_file_entries(submit) : submit->params;
    int found = request_digest(submit->asked, params, stdin_sha256, submit->digest, &err);
    struct key_scope scope = submit_scope(submit);
    if (found == 0)
        found = store_key_find(keeper->store, &scope, clock_unix_ms(), &submitted.job_id, digest, &err);
    if (found == 0)
        return true;
    bool is_same = found > 0 && hash_equal(digest, submit->digest);
    if (found < 0 || (is_same && call_join(keeper, request, &submitted.job_id, &err) < 0))
        request_fail(keeper, request, &err);
    else if (is_same)
        submit_answer(keeper, request, &submitted);
    else
        request_refuse(
            keeper, request,
            &(struct refusal){ .status = 422, .code = "idempotency-mismatch", .command = submit->command->name },
            "this idempotency key was used for another request");
    return false;
}

/* Whether it is the same request again can only be said when its input was read. What a command does not take is not. */
static bool is_known_later(const struct submit *submit)
{
    const struct msg_submit *asked = submit->asked;
    bool takes_all = (!asked->has_stdin || submit->command->stdin_kind != STDIN_NONE) &&
                     (!asked->has_files || submit_takes_files(submit));
    return asked->idempotency_key[0] != '\0' && submit_needs_intake(submit) && !submit->request->is_trial && takes_all;
}

bool submit_needs_intake(const struct submit *submit)
{
    return (submit->asked->has_stdin || submit->asked->has_files) && submit->request->intake == NULL;
}

/* From here on what is refused is what a dry run wants to know. */
static void begin_trial(struct submit *submit)
{
    submit->trial = *submit->request;
    submit->trial.is_trial = true;
    submit->request = &submit->trial;
}

bool submit_check(struct keeper *keeper, struct submit *submit)
{
    if (!check_command(keeper, submit) || !call_check(keeper, submit))
        return false;
    if (submit->asked->is_trial)
        begin_trial(submit);
    if (!check_stdin(keeper, submit) || !submit_check_files(keeper, submit) || !redact(keeper, submit))
        return false;
    return is_known_later(submit) ||
           (check_key(keeper, submit) && check_request(keeper, submit) && check_drain(keeper, submit) &&
            submit_check_rules(keeper, submit) && check_room(keeper, submit));
}
