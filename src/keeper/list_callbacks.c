/* The log of callbacks, and the wish to send one again. */
#include <stdio.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "outbox.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/store/deliveries.h"

struct callbacks_page {
    struct keeper *keeper;
    const struct request *request;
    uint32_t wanted, sent;
    bool has_more;
    int done; /* a page that could not be read to its end is none */
    struct error err;
};

static bool tell_attempt(void *arg, const struct delivery_attempt *attempt)
{
    struct callbacks_page *page = arg;
    struct msg_attempt told = { .number = attempt->number,
                                .unix_ms = attempt->unix_ms,
                                .outcome = attempt->outcome,
                                .status = attempt->status,
                                .duration_ms = attempt->duration_ms };
    text_copy(told.detail, sizeof told.detail, attempt->detail);
    request_answer(page->keeper, page->request, MSG_ATTEMPT, &told);
    return true;
}

static void report(const struct delivery *delivery, struct msg_callback *ret_told)
{
    bool waits = delivery->state == DELIVERY_WAITING;
    *ret_told = (struct msg_callback){ .delivery_id = delivery->id,
                                       .job_id = delivery->job_id,
                                       .event = delivery->event,
                                       .state = delivery->state,
                                       .attempts = delivery->attempts,
                                       .created_unix_ms = delivery->created_unix_ms,
                                       .due_unix_ms = waits ? delivery->due_unix_ms : 0,
                                       .ended_unix_ms = delivery->ended_unix_ms };
    text_copy(ret_told->command, sizeof ret_told->command, delivery->command);
    text_copy(ret_told->target, sizeof ret_told->target, delivery->callback);
    text_copy(ret_told->detail, sizeof ret_told->detail, delivery->detail);
}

static bool tell(void *arg, const struct delivery *delivery)
{
    struct callbacks_page *page = arg;
    struct msg_callback told;
    if (page->sent == page->wanted) {
        page->has_more = true;
        return false;
    }
    page->sent++;
    report(delivery, &told);
    request_answer(page->keeper, page->request, MSG_CALLBACK, &told);
    page->done = store_attempts_list(page->keeper->store, &delivery->id, tell_attempt, page, &page->err);
    return page->done == 0;
}

/* 1; 0: what it said is not there any more, and cannot be written anew. */
static int store_redelivery(struct keeper *keeper, const struct request *request, struct delivery *delivery,
                            struct error *err)
{
    char id[JOB_ID_TEXT_BYTES], detail[REASON_MAX_BYTES];
    snprintf(detail, sizeof detail, "to be sent again to %s: %s", delivery->callback, job_id_text(&delivery->id, id));
    struct audit_entry entry = { .what = AUDIT_CALLBACK,
                                 .job_id = &delivery->job_id,
                                 .actor = request->who->name,
                                 .address = request->evidence->address,
                                 .command = delivery->command,
                                 .detail = detail,
                                 .count = 1 };
    int done = turn_write(keeper, err);
    if (done < 0)
        return done;
    int found = delivery->state != DELIVERY_WAITING ? outbox_renew(keeper, delivery, err) : 1;
    if (found == 0)
        return 0;
    delivery->state = DELIVERY_WAITING;
    delivery->due_unix_ms = clock_unix_ms();
    delivery->ended_unix_ms = 0;
    done = found < 0 ? found : store_delivery_update(keeper->store, delivery, err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, err);
    if (done < 0)
        turn_spoil(keeper, err);
    keeper->deliveries.is_due = true;
    return done < 0 ? done : 1;
}

/* One more attempt, now, and after it as many as are left of its own. */
void answer_redeliver(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct job_id *id = &message->body.redeliver.delivery_id;
    struct delivery delivery;
    struct msg_callback told;
    struct error err = { 0 };
    if (!request_is_for_admin(keeper, request))
        return;
    int found = store_delivery_read(keeper->store, id, &delivery, &err);
    if (found == 0) {
        request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found" },
                       "there is no such delivery, or its record is too old");
        return;
    }
    char why[REASON_MAX_BYTES];
    int full =
        found > 0 && delivery.state != DELIVERY_WAITING ? outbox_is_full(keeper, delivery.callback, 0, why, &err) : 0;
    if (full > 0) {
        request_refuse(keeper, request, &(struct refusal){ .status = 503, .code = "queue-full", .retry_after_s = 60 },
                       "%s", why);
        return;
    }
    int stored = found < 0 || full < 0 ? -1 : store_redelivery(keeper, request, &delivery, &err);
    if (stored < 0) {
        request_fail(keeper, request, &err);
        return;
    }
    if (stored == 0) {
        request_refuse(keeper, request, &(struct refusal){ .status = 409, .code = "callback-not-kept" },
                       "its output is kept while it waits to be sent; it has ended, and its job is gone");
        return;
    }
    report(&delivery, &told);
    request_answer(keeper, request, MSG_CALLBACK, &told);
}

void answer_list_callbacks(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_list_callbacks *asked = &message->body.list_callbacks;
    struct callbacks_page page = { .keeper = keeper,
                                   .request = request,
                                   .wanted = asked->limit != 0 ? asked->limit : LIST_CALLBACKS_MAX };
    struct delivery_filter filter = { .callback = asked->target,
                                      .state = asked->state,
                                      .job_id = job_id_is_none(&asked->job_id) ? NULL : &asked->job_id,
                                      .before = asked->has_before ? &asked->before : NULL,
                                      .actor = "",
                                      .limit = page.wanted + 1 };
    if (!may_read_all(request->who)) {
        filter.actor = request->who->name;
        filter.via = caller_via(request->who);
    }
    bool may_read_any = may_read_all(request->who) || may_read_own(request->who);
    int done = may_read_any ? store_deliveries_list(keeper->store, &filter, tell, &page, &page.err) : 0;
    if (done < 0 || page.done < 0)
        request_fail(keeper, request, &page.err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = page.has_more });
}
