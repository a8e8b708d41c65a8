/* Who may call, and when each did last: for administrators. */
#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "last_uses.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define CALLERS_AT_ONCE 64 /* far fewer than wait for a front that is slow */

static int tell(struct keeper *keeper, const struct request *request, const struct caller *who, struct error *err)
{
    struct msg_caller told = { .kind = (uint8_t)who->kind,
                               .uid = who->uid,
                               .secret_count = who->secret_count,
                               .expires_unix_ms = who->expires_unix_ms,
                               .is_narrowed = who->pin_count > 0 || who->from_count > 0 };
    text_copy(told.name, sizeof told.name, who->name);
    caller_scopes_text(who, told.scopes, sizeof told.scopes);
    int done = last_use_read(keeper, who, &told.used_unix_ms, err);
    if (done == 0)
        request_answer(keeper, request, MSG_CALLER, &told);
    return done;
}

void answer_list_callers(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct rules *rules = &keeper->rules;
    uint32_t from = message->body.list_callers.from, at = from;
    struct error err = { 0 };
    int done = 0;
    if (!request_is_for_admin(keeper, request))
        return;
    for (; at < rules->caller_count && at - from < CALLERS_AT_ONCE && done == 0; at++)
        done = tell(keeper, request, &rules->callers[at], &err);
    if (done < 0)
        request_fail(keeper, request, &err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = at < rules->caller_count });
}
