/* A stream ends with the right to follow it. */
#include "authorize.h"
#include "keeper.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"

static bool may_go_on(const struct caller *who, const struct watch *watch)
{
    const struct job_record *record = &watch->job->record;
    return watch->kind == WATCH_CALL ? may_run(who, record->command) : may_read(who, record->actor, record->via);
}

static void check_watch(struct keeper *keeper, struct watch *watch, uint64_t now_unix_ms)
{
    const struct caller *who = sessions_owner(keeper, &watch->who, now_unix_ms);
    if (who != NULL && may_go_on(who, watch)) {
        watch->who.expires_unix_ms = who->expires_unix_ms;
        return;
    }
    struct msg_refused refused = { .status = who == NULL ? 401 : 403 };
    text_copy(refused.code, sizeof refused.code, who == NULL ? "unauthenticated" : "forbidden");
    text_copy(refused.detail, sizeof refused.detail,
              who == NULL ? "the credential was withdrawn or has expired"
                          : "the right to hear of this job was withdrawn");
    peer_send(&keeper->front, MSG_REFUSED, watch->request_id, &refused, NULL, 0);
    watch_free(keeper, watch);
}

static void check_all(struct keeper *keeper, uint64_t now_unix_ms, bool only_expired)
{
    for (unsigned i = 0; i < WATCH_BUCKETS; i++) {
        struct watch *watch = LIST_FIRST(&keeper->watches.buckets[i]);
        while (watch != NULL) {
            struct watch *next = LIST_NEXT(watch, in_table);
            if (!only_expired || credential_has_expired(&watch->who, now_unix_ms))
                check_watch(keeper, watch, now_unix_ms);
            watch = next;
        }
    }
}

void watches_check(struct keeper *keeper)
{
    check_all(keeper, clock_unix_ms(), false);
}

void watches_check_expiry(struct keeper *keeper)
{
    check_all(keeper, clock_unix_ms(), true);
}
