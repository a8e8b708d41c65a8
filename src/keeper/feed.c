#include "feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "launcher_answer.h"
#include "timer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define SHARE      32 /* changes for one follower in one turn, then the next has its own */
#define LATER_MS   20 /* when the front is slow */
#define COPY(a, b) text_copy((a), sizeof(a), (b))

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *keeper = arg;
    (void)fd;
    (void)what;
    keeper->feeds.has_news = true;
    turn_schedule(
        keeper); /* told at the end of a turn only: behind the answer that opened it, and never before the commit */
}

int feeds_init(struct keeper *keeper, struct error *err)
{
    struct feeds *feeds = &keeper->feeds;
    feeds->life = clock_unix_us();
    feeds->oldest = 1;
    feeds->ring = calloc(FEED_RING, sizeof *feeds->ring);
    feeds->later = evtimer_new(keeper->base, on_later, keeper);
    return feeds->ring != NULL && feeds->later != NULL ? 0 : fail(err, ENOMEM, "prepare the feed of changes");
}

void feeds_done(struct keeper *keeper)
{
    struct feeds *feeds = &keeper->feeds;
    feeds_clear(keeper);
    if (feeds->later != NULL)
        event_free(feeds->later);
    free(feeds->ring);
    feeds->later = NULL;
    feeds->ring = NULL;
}

/* --- the ring ------------------------------------------------------------------------------------------------------ */

static struct feed_entry *entry_at(const struct feeds *feeds, uint64_t sequence)
{
    return &feeds->ring[sequence % FEED_RING];
}

void feed_note(struct keeper *keeper, const struct job *job)
{
    const struct job_record *record = &job->record;
    struct feeds *feeds = &keeper->feeds;
    feeds->last++;
    if (feeds->last - feeds->oldest >= FEED_RING)
        feeds->oldest++;
    struct feed_entry *entry = entry_at(feeds, feeds->last);
    *entry = (struct feed_entry){ .via = record->via,
                                  .change = { .sequence = feeds->last,
                                              .job_id = record->id,
                                              .state = record->state,
                                              .reason = record->reason,
                                              .version = record->version,
                                              .created_unix_ms = record->created_unix_ms,
                                              .started_unix_ms = record->started_unix_ms,
                                              .finished_unix_ms = record->finished_unix_ms,
                                              .exit_code = record->exit_code,
                                              .signal = record->signal,
                                              .limits_hit = record->limits_hit } };
    COPY(entry->actor, record->actor);
    COPY(entry->change.command, record->command);
    COPY(entry->change.step, record->step);
    COPY(entry->change.message, record->message);
    COPY(entry->change.stopped_by, record->stopped_by);
}

void feed_stored(struct keeper *keeper)
{
    keeper->feeds.has_news |= keeper->feeds.stored < keeper->feeds.last;
    keeper->feeds.stored = keeper->feeds.last;
}

/* Nobody has heard of what is behind `stored`, so those that stay move up. */
void feed_undo(struct keeper *keeper, const struct job_id *id)
{
    struct feeds *feeds = &keeper->feeds;
    uint64_t from = feeds->stored + 1 > feeds->oldest ? feeds->stored + 1 : feeds->oldest, to = from;
    for (; from <= feeds->last; from++) {
        struct feed_entry *entry = entry_at(feeds, from);
        if (job_id_equal(&entry->change.job_id, id))
            continue;
        entry->change.sequence = to;
        *entry_at(feeds, to) = *entry;
        to++;
    }
    feeds->last = to - 1;
}

/* --- those that follow ------------------------------------------------------------------------------------------- */

struct feed *feed_find(struct keeper *keeper, uint32_t request_id)
{
    struct feed *feed;
    TAILQ_FOREACH(feed, &keeper->feeds.list, in_list)
    if (feed->request_id == request_id)
        return feed;
    return NULL;
}

void feed_free(struct keeper *keeper, struct feed *feed)
{
    TAILQ_REMOVE(&keeper->feeds.list, feed, in_list);
    keeper->feeds.count--;
    free(feed);
}

void feed_remove(struct keeper *keeper, uint32_t request_id)
{
    struct feed *feed = feed_find(keeper, request_id);
    if (feed != NULL)
        feed_free(keeper, feed);
}

void feeds_clear(struct keeper *keeper)
{
    struct feed *feed = TAILQ_FIRST(&keeper->feeds.list);
    while (feed != NULL) {
        struct feed *next = TAILQ_NEXT(feed, in_list);
        feed_free(keeper, feed);
        feed = next;
    }
}

static bool is_named(const struct feed *feed, const struct job_id *id)
{
    for (unsigned i = 0; i < feed->job_count; i++)
        if (job_id_equal(&feed->jobs[i], id))
            return true;
    return feed->job_count == 0;
}

static bool is_for(const struct feed *feed, const struct feed_entry *entry)
{
    if ((feed->kinds & FEED_JOBS) == 0)
        return false;
    bool may_read = feed->reads_all || (entry->via == feed->who.via && strcmp(entry->actor, feed->who.actor) == 0);
    return may_read && is_named(feed, &entry->change.job_id);
}

struct msg_feed feed_report(const struct keeper *keeper, const struct feed *feed, bool has_reset)
{
    return (struct msg_feed){ .life = keeper->feeds.life,
                              .sequence = feed->at,
                              .has_reset = has_reset,
                              .is_launcher_up = launcher_is_up(keeper),
                              .generation = keeper->rules.generation,
                              .waiting = keeper->feeds.waiting,
                              .running = keeper->feeds.running };
}

/* False: the front is gone. */
static bool tell_report(struct keeper *keeper, struct feed *feed, bool has_reset)
{
    struct msg_feed report = feed_report(keeper, feed, has_reset);
    feed->told_at = feed->at;
    feed->told_generation = report.generation;
    feed->is_due = false;
    return peer_send(&keeper->front, MSG_FEED, feed->request_id, &report, NULL, 0);
}

/* True when nothing is left to tell. */
static bool tell_changes(struct keeper *keeper, struct feed *feed)
{
    struct feeds *feeds = &keeper->feeds;
    for (unsigned told = 0; feed->at < feeds->stored; feed->at++) {
        const struct feed_entry *entry = entry_at(feeds, feed->at + 1);
        if (!is_for(feed, entry))
            continue;
        if (told++ == SHARE || peer_is_slow(&keeper->front) ||
            !peer_send(&keeper->front, MSG_CHANGE, feed->request_id, &entry->change, NULL, 0))
            return false;
        feed->told_at = feed->at + 1;
    }
    return true;
}

static bool tell_feed(struct keeper *keeper, struct feed *feed)
{
    if (feed->at < keeper->feeds.stored && feed->at + 1 < keeper->feeds.oldest) {
        feed->at = keeper->feeds.stored;
        return tell_report(keeper, feed, true);
    }
    if (!tell_changes(keeper, feed))
        return false;
    bool has_new_rules = (feed->kinds & FEED_CONFIG) != 0 && feed->told_generation != keeper->rules.generation;
    return (!feed->is_due && !has_new_rules) || tell_report(keeper, feed, false);
}

void feeds_tell(struct keeper *keeper)
{
    struct feeds *feeds = &keeper->feeds;
    bool has_more = false;
    if (!feeds->has_news)
        return;
    feeds->has_news = false;
    for (unsigned i = 0; i < feeds->count && !peer_is_slow(&keeper->front); i++) {
        struct feed *feed = TAILQ_FIRST(&feeds->list);
        TAILQ_REMOVE(&feeds->list, feed, in_list);
        TAILQ_INSERT_TAIL(&feeds->list, feed, in_list);
        has_more |= !tell_feed(keeper, feed);
    }
    bool is_slow = peer_is_slow(&keeper->front);
    if (feeds->count > 0 && (has_more || is_slow))
        timer_start(feeds->later, is_slow ? LATER_MS : 0);
}

void feeds_tick(struct keeper *keeper)
{
    struct feeds *feeds = &keeper->feeds;
    uint32_t waiting = keeper->queue.waiting, running = keeper->queue.running;
    bool has_changed = waiting != feeds->waiting || running != feeds->running, is_any_due = false;
    feeds->waiting = waiting;
    feeds->running = running;
    struct feed *feed;
    TAILQ_FOREACH(feed, &feeds->list, in_list)
    {
        /* A place that moved without a word is told too: whoever comes back to it later finds it in the ring. */
        feed->is_due |=
            (has_changed && (feed->kinds & FEED_QUEUE) != 0) || (feed->kinds != 0 && feed->at != feed->told_at);
        is_any_due |= feed->is_due;
    }
    feeds->has_news |= is_any_due;
    if (is_any_due)
        turn_schedule(keeper);
}
