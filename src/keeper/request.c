#include "request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "authorize.h"
#include "keeper.h"
#include "own_submit.h"
#include "records.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define RETRY_AFTER_S 30

void request_answer(struct keeper *keeper, const struct request *request, enum msg_type type, const void *body)
{
    turn_send(keeper, &keeper->front, type, request->id, body, NULL, 0);
}

static void record_refusal(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                           const char *detail)
{
    if (request->who == NULL) {
        refusals_note(keeper, &keeper->refusals, request->evidence->address, refusal->remark);
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
        turn_spoil(keeper, &err);
    }
}

static void tell(struct keeper *keeper, const struct request *request, const struct msg_refused *refused)
{
    if (request->own != NULL)
        request->own->heard(keeper, request->own, NULL, refused);
    else
        request_answer(keeper, request, MSG_REFUSED, refused);
}

uint32_t request_retry_after_s(uint64_t now_unix_ms, uint64_t until_unix_ms)
{
    uint64_t ms = until_unix_ms > now_unix_ms ? until_unix_ms - now_unix_ms : 0;
    uint64_t s = (ms + 999) / 1000, most = RATE_PERIOD_MAX_MS / 1000;
    return (uint32_t)(s < 1 ? 1 : s > most ? most : s);
}

static void send_refusal(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                         const char *detail)
{
    struct msg_refused refused = { .status = refusal->status,
                                   .errors = refusal->errors,
                                   .retry_after_s = refusal->retry_after_s };
    text_copy(refused.code, sizeof refused.code, refusal->code);
    text_copy(refused.detail, sizeof refused.detail, detail);
    if (refusal->rate_of != NULL) {
        text_copy(refused.rate, sizeof refused.rate, refusal->rate_of);
        refused.rate_count = refusal->rate.count;
        refused.rate_period_s = request_retry_after_s(0, refusal->rate.period_ms);
    }
    tell(keeper, request, &refused);
}

void request_refuse(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                    const char *format, ...)
{
    char detail[ERROR_TEXT_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (request->is_trial) {
        trial_refuse(keeper, request, refusal, detail);
        return;
    }
    record_refusal(keeper, request, refusal, detail);
    send_refusal(keeper, request, refusal, detail);
}

static bool is_full(int code)
{
    return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

void request_refusal(const struct error *err, struct msg_refused *ret_refused)
{
    bool may_pass = is_full(err->code) || err->code == EROFS;
    *ret_refused =
        (struct msg_refused){ .status = may_pass ? 503 : 500, .retry_after_s = may_pass ? RETRY_AFTER_S : 0 };
    text_copy(ret_refused->code, sizeof ret_refused->code, may_pass ? "store-full" : "internal");
    text_copy(ret_refused->detail, sizeof ret_refused->detail,
              is_full(err->code) ? "there is no room to record this; try again later"
              : may_pass         ? "the disk takes nothing that would record this; try again later"
                                 : "the service failed; its log says more");
}

void request_fail(struct keeper *keeper, const struct request *request, const struct error *err)
{
    struct msg_refused refused;
    request_refusal(err, &refused);
    log_error("a request (%s) failed: %s%s", message_defs[request->type].name, err->text, records_advice(err->code));
    tell(keeper, request, &refused);
}

void request_distrust(struct keeper *keeper, const struct request *request, const char *why)
{
    if (request->own == NULL)
        peer_break(&keeper->front, why);
    else
        request_refuse(keeper, request, &(struct refusal){ .status = 422, .code = "params-invalid" }, "%s", why);
}

bool request_is_for_admin(struct keeper *keeper, const struct request *request)
{
    if (may_administer(request->who))
        return true;
    request_refuse(keeper, request, &(struct refusal){ .status = 403, .code = "forbidden" },
                   "this needs the scope admin");
    return false;
}
