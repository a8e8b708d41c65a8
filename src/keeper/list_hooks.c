/* The hooks, what was delivered to each, and the wish to have that run once more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authorize.h"
#include "hook.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/hooks.h"

struct deliveries_page {
    struct keeper *keeper;
    const struct request *request;
    uint32_t wanted, sent;
    bool has_more;
};

static void refuse_no_hook(struct keeper *keeper, const struct request *request)
{
    request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found" },
                   "there is no such hook, and nothing is remembered of one");
}

static bool tell(void *arg, const struct hook_delivery *delivery)
{
    struct deliveries_page *page = arg;
    if (page->sent == page->wanted) {
        page->has_more = true;
        return false;
    }
    page->sent++;
    struct msg_hook_delivery told = { .delivery_id = delivery->id,
                                      .fate = delivery->fate < HOOK_FATE_COUNT ? delivery->fate : HOOK_FATE_NONE,
                                      .job_id = delivery->job_id,
                                      .bytes = delivery->bytes,
                                      .created_unix_ms = delivery->created_unix_ms,
                                      .seen_unix_ms = delivery->seen_unix_ms,
                                      .count = delivery->count };
    text_copy(told.delivery, sizeof told.delivery, delivery->delivery);
    text_copy(told.event, sizeof told.event, delivery->event);
    text_copy(told.address, sizeof told.address, delivery->address);
    text_copy(told.detail, sizeof told.detail, delivery->detail);
    request_answer(page->keeper, page->request, MSG_HOOK_DELIVERY, &told);
    return true;
}

void answer_list_hook_deliveries(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_list_hook_deliveries *asked = &message->body.list_hook_deliveries;
    struct deliveries_page page = { .keeper = keeper,
                                    .request = request,
                                    .wanted = asked->limit != 0 ? asked->limit : LIST_HOOK_DELIVERIES_MAX };
    struct error err = { 0 };
    uint64_t count = 0;
    if (!request_is_for_admin(keeper, request))
        return;
    int done = store_hook_deliveries_count(keeper->store, asked->hook, &count, &err);
    if (done == 0 && count == 0 && rule_hook_find(&keeper->rules.hooks, asked->hook) == NULL) {
        refuse_no_hook(keeper, request);
        return;
    }
    if (done == 0)
        done = store_hook_deliveries_list(keeper->store, asked->hook, asked->has_before ? &asked->before : NULL,
                                          page.wanted + 1, tell, &page, &err);
    if (done < 0)
        request_fail(keeper, request, &err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = page.has_more });
}

static bool take_latest(void *arg, const struct hook_delivery *delivery)
{
    ((struct msg_hook_info *)arg)->last_unix_ms = delivery->seen_unix_ms;
    return false;
}

void answer_list_hooks(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct rule_hooks *hooks = &keeper->rules.hooks;
    struct error err = { 0 };
    int done = 0;
    (void)message;
    if (!request_is_for_admin(keeper, request))
        return;
    for (uint32_t i = 0; i < hooks->count && done == 0; i++) {
        const struct setting_hook *setting = &hooks->list[i].setting;
        struct msg_hook_info told = { .secret_count = hooks->list[i].secret_count };
        text_copy(told.hook, sizeof told.hook, setting->name);
        text_copy(told.command, sizeof told.command, setting->command);
        text_copy(told.preset, sizeof told.preset, setting->scheme.preset);
        done = store_hook_deliveries_list(keeper->store, setting->name, NULL, 1, take_latest, &told, &err);
        if (done == 0)
            request_answer(keeper, request, MSG_HOOK_INFO, &told);
    }
    if (done < 0)
        request_fail(keeper, request, &err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ 0 });
}

/* The job that it started, once more, in the name of whoever asks: its parameters are those of the record. */
void answer_hook_redeliver(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_hook_redeliver *asked = &message->body.hook_redeliver;
    static struct msg_submit submit; /* large, and one at a time */
    struct hook_delivery delivery;
    struct error err = { 0 };
    char id[JOB_ID_TEXT_BYTES];
    if (!request_is_for_admin(keeper, request))
        return;
    int found = store_hook_delivery_read(keeper->store, &asked->delivery_id, &delivery, &err);
    if (found < 0) {
        request_fail(keeper, request, &err);
    } else if (found == 0 || strcmp(delivery.hook, asked->hook) != 0) {
        request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found" },
                       "there is no such delivery, or its record is too old");
    } else if (job_id_is_none(&delivery.job_id)) {
        request_refuse(keeper, request, &(struct refusal){ .status = 409, .code = "hook-started-nothing" },
                       "the delivery started nothing (%s), and its body is not kept; have its sender deliver it again",
                       delivery.detail);
    } else {
        submit = (struct msg_submit){ .rerun_of = delivery.job_id };
        snprintf(submit.reason, sizeof submit.reason, "delivery %s of webhook %s again", job_id_text(&delivery.id, id),
                 delivery.hook);
        answer_rerun(keeper, request, &submit);
    }
}
