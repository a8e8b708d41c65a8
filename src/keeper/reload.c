#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define RETRY_AFTER_S 5

void reloads_init(struct keeper *keeper)
{
    STAILQ_INIT(&keeper->reloads.waiters);
}

static void waiter_free(struct keeper *keeper, struct reload_waiter *waiter)
{
    STAILQ_REMOVE(&keeper->reloads.waiters, waiter, reload_waiter, in_list);
    keeper->reloads.count--;
    free(waiter);
}

void reloads_done(struct keeper *keeper)
{
    while (!STAILQ_EMPTY(&keeper->reloads.waiters))
        waiter_free(keeper, STAILQ_FIRST(&keeper->reloads.waiters));
}

static int ring(struct keeper *keeper, struct error *err)
{
    static const uint64_t once = 1;
    if (write(keeper->doorbell_fd, &once, sizeof once) != (ssize_t)sizeof once)
        return fail(err, errno, "ring for a reload");
    keeper->reloads.rings++;
    return 0;
}

static int wait_for_word(struct keeper *keeper, const struct deed *deed, struct error *err)
{
    struct reload_waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return fail(err, ENOMEM, "wait for a reload");
    int done = ring(keeper, err);
    if (done < 0) {
        free(waiter);
        return done;
    }
    *waiter = (struct reload_waiter){ .deed = *deed,
                                      .ring = keeper->reloads.rings,
                                      .deadline_ms = clock_monotonic_ms() + RELOAD_WAIT_MS };
    STAILQ_INSERT_TAIL(&keeper->reloads.waiters, waiter, in_list);
    keeper->reloads.count++;
    return 0;
}

static void reload_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct deed *deed = arg;
    struct error err = { 0 };
    struct msg_refused failed = { .status = 500,
                                  .code = "internal",
                                  .detail = "the service failed; its log says more" };
    if (!is_stored) {
        deed_refuse(keeper, deed);
    } else if (wait_for_word(keeper, deed, &err) < 0) {
        log_error("%s; the caller is told that it failed", err.text);
        deed_answer(keeper, deed, MSG_REFUSED, &failed);
    }
    free(deed);
}

void answer_reload(struct keeper *keeper, const struct request *request, const struct message *message)
{
    (void)message;
    if (!request_is_for_admin(keeper, request))
        return;
    if (keeper->reloads.count >= RELOAD_WAITERS_MAX) {
        request_refuse(keeper, request,
                       &(struct refusal){ .status = 429, .code = "rate-limited", .retry_after_s = RETRY_AFTER_S },
                       "%u callers wait for a reload already", keeper->reloads.count);
        return;
    }
    struct audit_entry entry = {
        .what = AUDIT_RELOAD, .actor = request->who->name, .address = request->evidence->address, .count = 1
    };
    deed_when_stored(keeper, request, &(struct deed){ 0 }, &entry, reload_stored);
}

/* What was asked for has its entry in the trail; that it did not come about gets another. */
static void refuse(struct keeper *keeper, const struct deed *deed, const struct refusal *refusal, const char *detail)
{
    struct caller who = { 0 };
    struct evidence evidence = { 0 };
    if (deed->epoch != keeper->front.epoch)
        return; /* nobody waits */
    text_copy(who.name, sizeof who.name, deed->actor);
    text_copy(evidence.address, sizeof evidence.address, deed->address);
    const struct request request = { .id = deed->request_id, .type = MSG_RELOAD, .evidence = &evidence, .who = &who };
    request_refuse(keeper, &request, refusal, "%s", detail);
}

static void answer(struct keeper *keeper, const struct deed *deed, const struct msg_reloaded *reloaded)
{
    char detail[ERROR_TEXT_MAX_BYTES];
    struct msg_reload_taken taken = { .generation = reloaded->generation,
                                      .has_changed = reloaded->has_changed,
                                      .warnings = reloaded->lines };
    if (!reloaded->is_taken) {
        snprintf(detail, sizeof detail, "generation %u stays: %s", reloaded->generation, reloaded->why);
        refuse(keeper, deed, &(struct refusal){ .status = 422, .code = "config-invalid", .errors = reloaded->lines },
               detail);
    } else if (keeper->rules.generation != reloaded->generation) {
        snprintf(detail, sizeof detail, "the keeper could not take generation %u and stays with %u; its log says why",
                 reloaded->generation, keeper->rules.generation);
        refuse(keeper, deed, &(struct refusal){ .status = 500, .code = "internal" }, detail);
    } else {
        deed_answer(keeper, deed, MSG_RELOAD_TAKEN, &taken);
    }
}

void reloads_take(struct keeper *keeper, const struct msg_reloaded *reloaded)
{
    struct reload_waiter *waiter;
    while ((waiter = STAILQ_FIRST(&keeper->reloads.waiters)) != NULL && waiter->ring <= reloaded->rings) {
        answer(keeper, &waiter->deed, reloaded);
        waiter_free(keeper, waiter);
    }
}

void reloads_check(struct keeper *keeper)
{
    const struct refusal refusal = { .status = 503, .code = "reloading", .retry_after_s = RETRY_AFTER_S };
    struct reload_waiter *waiter;
    while ((waiter = STAILQ_FIRST(&keeper->reloads.waiters)) != NULL && waiter->deadline_ms <= clock_monotonic_ms()) {
        refuse(keeper, &waiter->deed, &refusal,
               "the reload was asked for, but how it ended was not said in time; it may take effect yet");
        waiter_free(keeper, waiter);
    }
}
