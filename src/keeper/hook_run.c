/* What the front read in a delivery that was proven: a job of the hook's command, or nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "keeper.h"
#include "own_submit.h"
#include "request.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/hooks.h"

#define LATE_RETRY_AFTER_S 1

struct hook_submit {
    struct own_submit own; /* first: it is what is heard of */
    struct request request;
    struct evidence evidence;
    unsigned epoch;
    bool is_known;
    struct hook_delivery delivery;
    bool is_asking; /* within submit_own(): the commit has not come yet */
    bool has_heard;
};

/* A part of the commit. */
static int note(struct keeper *keeper, struct hook_submit *submit, enum hook_fate fate, const struct job_id *job_id,
                const char *detail, struct error *err)
{
    struct hook_delivery *delivery = &submit->delivery;
    delivery->fate = (uint8_t)fate;
    delivery->job_id = job_id != NULL ? *job_id : (struct job_id){ 0 };
    delivery->seen_unix_ms = clock_unix_ms();
    delivery->count++;
    if (!text_copy(delivery->detail, sizeof delivery->detail, detail))
        text_copy_bytes(delivery->detail, sizeof delivery->detail, detail, sizeof delivery->detail - 1);
    return submit->is_known ? store_hook_delivery_update(keeper->store, delivery, err)
                            : store_hook_delivery_add(keeper->store, delivery, err);
}

/* The same where nothing else is written. False: it could not be, and the turn is spoilt. */
static bool note_alone(struct keeper *keeper, struct hook_submit *submit, enum hook_fate fate,
                       const struct job_id *job_id, const char *detail, struct error *err)
{
    int done = turn_write(keeper, err);
    if (done == 0)
        done = note(keeper, submit, fate, job_id, detail, err);
    if (done < 0)
        turn_spoil(keeper, err);
    return done == 0;
}

static int store_with_job(struct keeper *keeper, struct own_submit *own, const struct job_id *job_id, struct error *err)
{
    return note(keeper, (struct hook_submit *)own, HOOK_ACCEPTED, job_id, "", err);
}

static void answer(struct keeper *keeper, const struct hook_submit *submit, enum msg_type type, const void *body)
{
    if (submit->is_asking)
        request_answer(keeper, &submit->request, type, body);
    else if (submit->epoch == keeper->front.epoch)
        peer_send(&keeper->front, type, submit->request.id, body, NULL, 0);
}

static void hear_accepted(struct keeper *keeper, struct hook_submit *submit, const struct msg_submitted *submitted)
{
    struct msg_hook_answer told = { .job_id = submitted->job_id };
    struct error err = { 0 };
    bool is_noted = !submit->is_asking || note_alone(keeper, submit, HOOK_ACCEPTED, &submitted->job_id, "", &err);
    hook_count(keeper, submit->delivery.hook, is_noted ? HOOK_RESULT_ACCEPTED : HOOK_RESULT_FAILED);
    if (is_noted)
        answer(keeper, submit, MSG_HOOK_ANSWER, &told);
    else
        request_fail(keeper, &submit->request, &err);
}

static void hear_refused(struct keeper *keeper, struct hook_submit *submit, const struct msg_refused *refused)
{
    char detail[ERROR_TEXT_MAX_BYTES];
    struct error err = { 0 };
    snprintf(detail, sizeof detail, "%u %s: %s", refused->status, refused->code, refused->detail);
    hook_count(keeper, submit->delivery.hook, refused->status == 500 ? HOOK_RESULT_FAILED : HOOK_RESULT_REFUSED);
    if (submit->is_asking && !keeper->turn.is_behind && !keeper->turn.is_spoiled)
        note_alone(keeper, submit, HOOK_REFUSED, NULL, detail, &err);
    answer(keeper, submit, MSG_REFUSED, refused);
}

static void heard(struct keeper *keeper, struct own_submit *own, const struct msg_submitted *submitted,
                  const struct msg_refused *refused)
{
    struct hook_submit *submit = (struct hook_submit *)own;
    submit->has_heard = true;
    if (submitted != NULL)
        hear_accepted(keeper, submit, submitted);
    else
        hear_refused(keeper, submit, refused);
    if (!submit->is_asking)
        free(submit);
}

/* Whether a delivery says nothing but what deliveries of this hook say. */
static bool may_say(const struct rule_hook *hook, struct span said)
{
    struct reader in = { said.data, said.size };
    struct entry entry;
    int got;
    while ((got = entries_next(&in, &entry)) > 0)
        if (!rule_hook_maps(hook, entry.name))
            return false;
    return got == 0;
}

/* Ours and the delivery's. False: they have no room. */
static bool join_params(const struct rule_hook *hook, struct span said, struct writer *out)
{
    struct span constants = hook->setting.constants;
    if (constants.size > out->left || said.size > out->left - constants.size)
        return false;
    if (constants.size > 0)
        memcpy(out->at, constants.data, constants.size);
    if (said.size > 0)
        memcpy(out->at + constants.size, said.data, said.size);
    out->at += constants.size + said.size;
    out->left -= constants.size + said.size;
    return true;
}

/* From what is signed, whatever it is called: another process may have accepted it, and died. */
static void make_key(const struct hook_delivery *delivery, char *to, size_t room)
{
    char hex[HASH_TEXT_BYTES];
    text_hex(delivery->identity, HASH_BYTES, hex);
    text_copy(to, room, hex);
}

static void refuse_large(struct keeper *keeper, struct hook_submit *submit)
{
    static const char detail[] = "the parameters, with those of the configuration, are above 48 KiB";
    struct msg_refused refused = { .status = 422 };
    text_copy(refused.code, sizeof refused.code, "params-invalid");
    text_copy(refused.detail, sizeof refused.detail, detail);
    submit->is_asking = true;
    hear_refused(keeper, submit, &refused);
    free(submit);
}

static void submit_job(struct keeper *keeper, struct hook_submit *submit, const struct rule_hook *hook,
                       const struct msg_hook_run *said)
{
    static uint8_t room[PARAMS_MAX_BYTES];
    static struct msg_submit asked; /* large, and one at a time: nothing of it is used after the answer */
    struct writer out = { room, sizeof room };
    struct setting_scope scope;
    char actor[NAME_MAX_BYTES];
    if (!may_say(hook, said->params)) {
        free(submit);
        peer_break(&keeper->front, "parameters that its message may not have");
        return;
    }
    if (!join_params(hook, said->params, &out)) {
        refuse_large(keeper, submit);
        return;
    }
    snprintf(actor, sizeof actor, "hook:%s", hook->setting.name);
    struct caller who = caller_for(actor, EVIDENCE_HOOK, hook->setting.command, &scope);
    asked = (struct msg_submit){ .params = { room, (uint32_t)(sizeof room - out.left) } };
    text_copy(asked.command, sizeof asked.command, hook->setting.command);
    if (submit->delivery.delivery[0] != '\0')
        snprintf(asked.reason, sizeof asked.reason, "delivery %s", submit->delivery.delivery);
    make_key(&submit->delivery, asked.idempotency_key, sizeof asked.idempotency_key);
    submit->own = (struct own_submit){ .source = JOB_SOURCE_HOOK,
                                       .origin = submit->delivery.hook,
                                       .address = submit->delivery.address,
                                       .is_new_work = true,
                                       .store = store_with_job,
                                       .heard = heard };
    submit->is_asking = true;
    submit_own(keeper, &submit->own, &who, &asked);
    submit->is_asking = false;
    if (submit->has_heard)
        free(submit);
}

static void ignore(struct keeper *keeper, struct hook_submit *submit, const struct msg_hook_run *said)
{
    struct error err = { 0 };
    bool is_noted = note_alone(keeper, submit, HOOK_IGNORED, NULL, said->reason, &err);
    hook_count(keeper, submit->delivery.hook, is_noted ? HOOK_RESULT_IGNORED : HOOK_RESULT_FAILED);
    if (is_noted)
        request_answer(keeper, &submit->request, MSG_HOOK_ANSWER, &(struct msg_hook_answer){ 0 });
    else
        request_fail(keeper, &submit->request, &err);
    free(submit);
}

/* Twins that were proven at once: the second is the first again. False: answered. */
static bool find_twin(struct keeper *keeper, struct hook_submit *submit)
{
    struct hook_delivery known;
    struct error err = { 0 };
    int found = store_hook_delivery_find(keeper->store, submit->delivery.hook, submit->delivery.identity, &known, &err);
    if (found == 0)
        submit->is_known = false; /* it was removed meanwhile, by its age */
    if (found == 0)
        return true;
    if (found < 0) {
        request_fail(keeper, &submit->request, &err);
    } else if (known.fate == HOOK_ACCEPTED) {
        hook_count(keeper, known.hook, HOOK_RESULT_AGAIN);
        request_answer(keeper, &submit->request, MSG_HOOK_ANSWER, &(struct msg_hook_answer){ .job_id = known.job_id });
    } else if (!hash_equal(known.unsigned_digest, submit->delivery.unsigned_digest)) {
        hook_count(keeper, known.hook, HOOK_RESULT_REPLAYED);
        request_refuse(keeper, &submit->request,
                       &(struct refusal){ .status = 409, .code = "hook-replayed", .remark = "webhook: replayed" },
                       "this body was delivered before, with another header or query");
    } else {
        submit->is_known = true;
        submit->delivery.id = known.id;
        submit->delivery.count = known.count;
        return true;
    }
    return false;
}

static struct hook_submit *submit_new(struct keeper *keeper, const struct message *message,
                                      const struct hook_ticket *ticket)
{
    struct hook_submit *submit = calloc(1, sizeof *submit);
    if (submit == NULL)
        return NULL;
    submit->evidence = (struct evidence){ .kind = EVIDENCE_NONE };
    text_copy(submit->evidence.address, sizeof submit->evidence.address, ticket->delivery.address);
    submit->request = (struct request){
        .id = message->request_id, .type = MSG_HOOK_RUN, .evidence = &submit->evidence, .stdin_fd = -1, .files_fd = -1
    };
    submit->epoch = keeper->front.epoch;
    submit->is_known = ticket->is_known;
    submit->delivery = ticket->delivery;
    text_copy(submit->delivery.event, sizeof submit->delivery.event, message->body.hook_run.event);
    return submit;
}

static void refuse_late(struct keeper *keeper, const struct message *message, const char *remark)
{
    const struct request request = { .id = message->request_id,
                                     .type = MSG_HOOK_RUN,
                                     .evidence = &message->body.hook_run.evidence,
                                     .stdin_fd = -1,
                                     .files_fd = -1 };
    request_refuse(
        keeper, &request,
        &(struct refusal){ .status = 503, .code = "reloading", .retry_after_s = LATE_RETRY_AFTER_S, .remark = remark },
        "the delivery has to be looked at again");
}

/* Proven, read and run by the same settings: after a reload, what one of us saw may mean something else to the other. */
static bool is_current(const struct keeper *keeper, const struct hook_ticket *ticket, const struct msg_hook_run *said)
{
    return ticket->generation == keeper->rules.generation && said->generation == keeper->rules.generation;
}

void hook_run(struct keeper *keeper, const struct message *message)
{
    const struct msg_hook_run *said = &message->body.hook_run;
    static const char never[] = "webhook: a delivery that was proven too long ago, or never";
    struct hook_ticket ticket;
    bool is_held = hook_ticket_take(keeper, &said->ticket, &ticket);
    const struct rule_hook *hook = is_held ? rule_hook_find(&keeper->rules.hooks, ticket.delivery.hook) : NULL;
    if (hook == NULL || keeper->shutdown.is_on || !text_is_utf8(said->reason, strlen(said->reason)) ||
        !text_is_utf8(said->event, strlen(said->event))) {
        refuse_late(keeper, message, never);
        return;
    }
    if (!is_current(keeper, &ticket, said)) {
        refuse_late(keeper, message, "webhook: a delivery that was proven or read by other settings");
        return;
    }
    struct hook_submit *submit = submit_new(keeper, message, &ticket);
    if (submit == NULL) {
        refuse_late(keeper, message, never);
        return;
    }
    if (!find_twin(keeper, submit))
        free(submit);
    else if (said->wish == HOOK_RUN)
        submit_job(keeper, submit, hook, said);
    else
        ignore(keeper, submit, said);
}
