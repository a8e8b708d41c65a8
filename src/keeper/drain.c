#include "drain.h"

#include <stdlib.h>

#include "deed.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

/* The mark of an earlier start of the service. That it cannot be taken away is no reason not to start: it means nothing now. */
static void forget(struct keeper *keeper)
{
    struct error err = { 0 };
    struct audit_entry entry = { .what = AUDIT_DRAIN, .detail = "off: the service was started anew", .count = 1 };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = store_mark_set(keeper->store, STORE_MARK_DRAINED, 0, &err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, &err);
    if (done < 0) {
        log_warn("the mark of a drain that is over cannot be taken away: %s; the next start tries again", err.text);
        turn_spoil(keeper, &err);
        return;
    }
    log_info("the service was drained when it ended; it takes jobs again");
}

int drain_load(struct keeper *keeper, struct error *err)
{
    uint64_t service = 0;
    if (store_mark_read(keeper->store, STORE_MARK_DRAINED, &service, err) < 0)
        return fail_in(err, "look whether the service is drained");
    keeper->drain.is_on = service != 0 && service == keeper->rules.settings.service;
    if (keeper->drain.is_on)
        log_info("the service is drained still: new jobs are refused, and those that wait do not start");
    else if (service != 0)
        forget(keeper);
    return 0;
}

static void change(struct keeper *keeper, bool is_on, const char *actor)
{
    keeper->drain.is_on = is_on;
    if (is_on)
        log_info("drained by %s: new jobs are refused, and those that wait do not start", actor);
    else
        log_info("no longer drained, by %s: jobs are taken and started again", actor);
    front_tell_status(keeper);
    turn_schedule(keeper); /* those that wait may start at its end */
}

static struct msg_drain_state state_of(struct keeper *keeper)
{
    return (struct msg_drain_state){ .is_on = keeper->drain.is_on,
                                     .running = jobs_under_way(keeper),
                                     .queued = keeper->queue.waiting };
}

static void drain_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct deed *deed = arg;
    if (!is_stored) {
        deed_refuse(keeper, deed);
    } else {
        if (keeper->drain.is_on != deed->is_on)
            change(keeper, deed->is_on, deed->actor);
        struct msg_drain_state state = state_of(keeper);
        deed_answer(keeper, deed, MSG_DRAIN_STATE, &state);
    }
    free(deed);
}

void answer_drain(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct deed deed = { .is_on = message->body.drain.is_on };
    struct error err = { 0 };
    struct audit_entry entry = { .what = AUDIT_DRAIN,
                                 .actor = request->who->name,
                                 .address = request->evidence->address,
                                 .detail = deed.is_on ? "on" : "off",
                                 .count = 1 };
    if (!request_is_for_admin(keeper, request))
        return;
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = store_mark_set(keeper->store, STORE_MARK_DRAINED, deed.is_on ? keeper->rules.settings.service : 0, &err);
    if (done < 0) {
        turn_spoil(keeper, &err);
        request_fail(keeper, request, &err);
        return;
    }
    deed_when_stored(keeper, request, &deed, &entry, drain_stored);
}

void answer_read_drain(struct keeper *keeper, const struct request *request, const struct message *message)
{
    (void)message;
    if (!request_is_for_admin(keeper, request))
        return;
    struct msg_drain_state state = state_of(keeper);
    request_answer(keeper, request, MSG_DRAIN_STATE, &state);
}
