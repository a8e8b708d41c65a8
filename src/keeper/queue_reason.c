/* What a waiting job waits for: the one cause that must go first, found by the same marks by which queue_start_next() goes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keeper.h"
#include "launcher_answer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"

#define KEY_SHOWN_BYTES 80

/* One who waits: the job, and the sentence about it. */
struct waiting {
    const struct keeper *keeper;
    const struct job *job;
    char *text;
};

/* What is too long is cut, between two letters. */
static void cut_to_utf8(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && !text_is_utf8(text, length))
        text[--length] = '\0';
}

__attribute__((format(printf, 2, 3))) static void tell(const struct waiting *waiting, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(waiting->text, REASON_MAX_BYTES, format, args);
    va_end(args);
    cut_to_utf8(waiting->text);
}

static const char *with_key(const struct lane *lane, char text[KEY_SHOWN_BYTES + 32])
{
    char key[KEY_SHOWN_BYTES];
    snprintf(key, sizeof key, "%s", lane->key);
    cut_to_utf8(key);
    bool is_cut = strlen(key) < strlen(lane->key);
    if (key[0] == '\0')
        text[0] = '\0';
    else
        snprintf(text, KEY_SHOWN_BYTES + 32, " with key '%s%s'", key, is_cut ? "..." : "");
    return text;
}

/* Each says whether this is what the job waits for; then the sentence is made. */

static bool is_paused(const struct waiting *waiting)
{
    const struct paused_command *paused = pause_find(waiting->keeper, waiting->job->record.command);
    if (paused == NULL)
        return false;
    tell(waiting, "its command is paused by %s%s%s", paused->actor, paused->reason[0] != '\0' ? ": " : "",
         paused->reason);
    return true;
}

static bool is_draining(const struct waiting *waiting)
{
    if (waiting->keeper->shutdown.is_on)
        tell(waiting, "the service is stopping; the job starts when it is back");
    else if (waiting->keeper->drain.is_on)
        tell(waiting, "the service is drained; the job starts when that is taken back");
    else
        return false;
    return true;
}

static bool is_launcher_down(const struct waiting *waiting)
{
    if (launcher_is_up(waiting->keeper))
        return false;
    tell(waiting, "waiting for the launcher");
    return true;
}

static bool is_lane_full(const struct waiting *waiting)
{
    const struct job *job = waiting->job, *other = LIST_FIRST(&job->lane->started);
    const struct lane *lane = job->lane;
    char key[KEY_SHOWN_BYTES + 32], id[JOB_ID_TEXT_BYTES];
    if (lane->limit == 0 || lane->running < lane->limit || other == NULL)
        return false;
    tell(waiting, "waiting for job %s: of '%s'%s %u may run at once, and %u do%s", job_id_text(&other->record.id, id),
         lane->command, with_key(lane, key), lane->limit, lane->running, lane->running == 1 ? "es" : "");
    return true;
}

/* What stands before it will take all that the limit leaves; or may not start, and is not passed by. */
static bool is_lane_taken(const struct waiting *waiting)
{
    const struct job *job = waiting->job;
    const struct lane *lane = job->lane;
    const struct job *first = ranking_first(&lane->waiting), *ahead = ranking_ahead(&lane->waiting, queue_order(job));
    char key[KEY_SHOWN_BYTES + 32], id[JOB_ID_TEXT_BYTES];
    bool takes_all = lane->running + ranking_before(&lane->waiting, queue_order(job)) >= lane->limit;
    bool is_behind_another = first->share != job->share && share_is_full(first->share);
    if (lane->limit == 0 || ahead == NULL || (!takes_all && !is_behind_another))
        return false;
    const struct job *other = takes_all ? ahead : first;
    tell(waiting, "waiting for job %s, which stands before it%s", job_id_text(&other->record.id, id),
         with_key(lane, key));
    return true;
}

static bool is_caller_full(const struct waiting *waiting)
{
    const struct share *share = waiting->job->share;
    if (!share_is_full(share))
        return false;
    tell(waiting, "caller '%s' has %u running, and may have %u", share->name, share->running, share->quota.running);
    return true;
}

static bool is_service_full(const struct waiting *waiting)
{
    uint32_t most = waiting->keeper->rules.settings.quota.running, running = waiting->keeper->queue.running;
    if (most == 0 || running < most)
        return false;
    tell(waiting, "all callers together have %u running, and may have %u (limits.running)", running, most);
    return true;
}

static bool has_no_slot(const struct waiting *waiting)
{
    const struct slot_kind *kind = waiting->job->lane->kind;
    if (kind->account[0] != '\0' || kind->used < kind->slots)
        return false;
    tell(waiting, "waiting for a free slot");
    return true;
}

static bool has_no_user_slot(const struct waiting *waiting)
{
    const struct slot_kind *kind = waiting->job->lane->kind;
    if (kind->account[0] == '\0' || kind->used < kind->slots)
        return false;
    tell(waiting, "waiting for a free slot of its user '%s'", kind->account);
    return true;
}

static bool is_tried_again(const struct waiting *waiting)
{
    if (clock_monotonic_ms() >= waiting->keeper->queue.not_before_ms)
        return false;
    tell(waiting, "the launcher or the disk could not take a job; trying again in a moment");
    return true;
}

static bool is_starting(const struct waiting *waiting)
{
    tell(waiting, "starting soon");
    return true;
}

/* In this order: what lasts longest, and what the job's own rules say, before what passes by itself. */
static const struct {
    enum job_wait wait;
    bool (*is_it)(const struct waiting *waiting);
} causes[] = {
    { JOB_WAIT_PAUSED, is_paused },
    { JOB_WAIT_DRAINING, is_draining },
    { JOB_WAIT_LAUNCHER_DOWN, is_launcher_down },
    { JOB_WAIT_CONCURRENCY, is_lane_full },
    { JOB_WAIT_CONCURRENCY, is_lane_taken },
    { JOB_WAIT_CALLER_LIMIT, is_caller_full },
    { JOB_WAIT_SERVICE_LIMIT, is_service_full },
    { JOB_WAIT_SLOTS, has_no_slot },
    { JOB_WAIT_USER_SLOTS, has_no_user_slot },
    { JOB_WAIT_RETRYING, is_tried_again },
    { JOB_WAIT_STARTING, is_starting },
};

enum job_wait queue_reason(const struct keeper *keeper, const struct job *job, char ret_text[REASON_MAX_BYTES])
{
    const struct waiting waiting = { keeper, job, ret_text };
    ret_text[0] = '\0';
    for (size_t i = 0; job->is_queued && i < sizeof causes / sizeof causes[0]; i++)
        if (causes[i].is_it(&waiting))
            return causes[i].wait;
    return JOB_WAIT_NONE;
}

uint32_t queue_position(const struct keeper *keeper, const struct job *job)
{
    if (!job->is_queued)
        return 0;
    uint32_t position = ranking_before(&keeper->queue.order, queue_order(job)) + 1;
    return position < QUEUE_MAX ? position : QUEUE_MAX; /* jobs that came back may stand beyond it */
}

/* It is put there for a moment, behind all others of its priority, so nothing is judged in two ways. */
enum job_wait queue_forecast(struct keeper *keeper, const struct job_record *record, uint32_t *ret_position,
                             char ret_text[REASON_MAX_BYTES])
{
    struct job job = { .record = *record, .stdin_fd = -1, .files_fd = -1 };
    job.record.sequence = UINT64_MAX;
    job.record.created_unix_ms = clock_unix_ms();
    queue_add(keeper, &job);
    enum job_wait wait = queue_reason(keeper, &job, ret_text);
    *ret_position = queue_position(keeper, &job);
    queue_remove(keeper, &job);
    if (wait != JOB_WAIT_STARTING)
        return wait;
    *ret_position = 0;
    ret_text[0] = '\0';
    return JOB_WAIT_NONE;
}

/* Within one priority they stand in the order of acceptance. */
uint64_t queue_oldest_ms(const struct keeper *keeper)
{
    uint64_t oldest_ms = 0, now_unix_ms = clock_unix_ms();
    for (uint64_t priority = 0; priority <= PRIORITY_MAX; priority++) {
        const struct order before = { priority - 1, UINT64_MAX };
        const struct ranking *order = &keeper->queue.order;
        const struct job *job = priority == 0 ? ranking_first(order) : ranking_behind(order, before);
        if (job != NULL && now_unix_ms > job->record.created_unix_ms &&
            now_unix_ms - job->record.created_unix_ms > oldest_ms)
            oldest_ms = now_unix_ms - job->record.created_unix_ms;
    }
    return oldest_ms;
}
