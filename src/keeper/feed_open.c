/* Who may follow changes, from which place, and for how long. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

/* A place that we can go on from: ours, told once, and with all that came after it still there. */
static bool is_known(const struct feeds *feeds, const struct msg_follow *asked)
{
    return asked->life == feeds->life && asked->sequence <= feeds->stored &&
           (asked->sequence == feeds->stored || asked->sequence + 1 >= feeds->oldest);
}

static int feed_add(struct keeper *keeper, const struct request *request, const struct msg_follow *asked,
                    struct feed **ret_feed, struct error *err)
{
    struct feeds *feeds = &keeper->feeds;
    if (feed_find(keeper, request->id) != NULL)
        return fail_plain(err, EEXIST, "request %u is open already", request->id);
    if (feeds->count + keeper->watches.count >= WATCH_COUNT_MAX)
        return fail_plain(err, ENOSPC, "%u feeds are open", feeds->count);
    struct feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return fail(err, ENOMEM, "open a feed");
    *feed = (struct feed){ .request_id = request->id,
                           .who = credential_of(request->who, request->evidence),
                           .reads_all = may_read_all(request->who),
                           .kinds = asked->kinds,
                           .job_count = asked->jobs.size / JOB_ID_BYTES,
                           .at = feeds->stored,
                           .told_generation = keeper->rules.generation };
    if (asked->jobs.size > 0)
        memcpy(feed->jobs, asked->jobs.data, asked->jobs.size);
    if (asked->has_cursor && is_known(feeds, asked))
        feed->at = asked->sequence;
    feed->told_at = feed->at;
    TAILQ_INSERT_TAIL(&feeds->list, feed, in_list);
    feeds->count++;
    feeds->has_news = true;
    turn_schedule(keeper);
    *ret_feed = feed;
    return 0;
}

void answer_follow(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_follow *asked = &message->body.follow;
    struct feed *feed = NULL;
    struct error err = { 0 };
    if (asked->jobs.size % JOB_ID_BYTES != 0) {
        peer_break(&keeper->front, "names of jobs that are cut");
        return;
    }
    if (!may_read_own(request->who)) {
        request_refuse(keeper, request, &(struct refusal){ .status = 403, .code = "forbidden" },
                       "events need the scope read:own or read:all");
        return;
    }
    int done = feed_add(keeper, request, asked, &feed, &err);
    if (done == -EEXIST) {
        peer_break(&keeper->front, err.text);
    } else if (done < 0) {
        request_refuse(keeper, request, &(struct refusal){ .status = 429, .code = "rate-limited", .retry_after_s = 5 },
                       "too many streams are open; try again later");
    } else {
        struct msg_feed report = feed_report(keeper, feed, asked->has_cursor && !is_known(&keeper->feeds, asked));
        request_answer(keeper, request, MSG_FEED, &report);
    }
}

static void check_feed(struct keeper *keeper, struct feed *feed, uint64_t now_unix_ms)
{
    const struct caller *who = sessions_owner(keeper, &feed->who, now_unix_ms);
    if (who != NULL && may_read_own(who)) {
        feed->who.expires_unix_ms = who->expires_unix_ms;
        feed->reads_all = may_read_all(who);
        return;
    }
    struct msg_refused refused = { .status = who == NULL ? 401 : 403 };
    text_copy(refused.code, sizeof refused.code, who == NULL ? "unauthenticated" : "forbidden");
    text_copy(refused.detail, sizeof refused.detail,
              who == NULL ? "the credential was withdrawn or has expired" : "the right to read jobs was withdrawn");
    peer_send(&keeper->front, MSG_REFUSED, feed->request_id, &refused, NULL, 0);
    feed_free(keeper, feed);
}

static void check_all(struct keeper *keeper, uint64_t now_unix_ms, bool only_expired)
{
    struct feed *feed = TAILQ_FIRST(&keeper->feeds.list);
    while (feed != NULL) {
        struct feed *next = TAILQ_NEXT(feed, in_list);
        if (!only_expired || credential_has_expired(&feed->who, now_unix_ms))
            check_feed(keeper, feed, now_unix_ms);
        feed = next;
    }
}

void feeds_check_rights(struct keeper *keeper)
{
    check_all(keeper, clock_unix_ms(), false);
}

void feeds_check(struct keeper *keeper)
{
    feeds_check_rights(keeper);
    keeper->feeds.has_news = true; /* there is a new generation */
    turn_schedule(keeper);
}

void feeds_check_expiry(struct keeper *keeper)
{
    check_all(keeper, clock_unix_ms(), true);
}
