#include "watch.h"

#include <errno.h>
#include <stdlib.h>

#include "call.h"
#include "keeper.h"
#include "report.h"
#include "timer.h"
#include "sallyport/base/error.h"

#define LATER_MS 20

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    watches_tell(arg);
}

int watches_init(struct keeper *keeper, struct error *err)
{
    TAILQ_INIT(&keeper->watches.news);
    keeper->watches.later = evtimer_new(keeper->base, on_later, keeper);
    return keeper->watches.later != NULL ? 0 : fail(err, ENOMEM, "prepare watches");
}

void watches_done(struct keeper *keeper)
{
    watches_clear(keeper);
    if (keeper->watches.later != NULL)
        event_free(keeper->watches.later);
    keeper->watches.later = NULL;
}

struct watch *watch_find(struct keeper *keeper, uint32_t request_id)
{
    struct watch *watch;
    LIST_FOREACH(watch, &keeper->watches.buckets[request_id % WATCH_BUCKETS], in_table)
    if (watch->request_id == request_id)
        return watch;
    return NULL;
}

void watch_free(struct keeper *keeper, struct watch *watch)
{
    LIST_REMOVE(watch, in_job);
    LIST_REMOVE(watch, in_table);
    keeper->watches.count--;
    free(watch);
}

int watch_add(struct keeper *keeper, const struct request *request, enum watch_kind kind, struct job *job,
              struct error *err)
{
    uint32_t request_id = request->id;
    if (watch_find(keeper, request_id) != NULL)
        return fail_plain(err, EEXIST, "request %u is open already", request_id);
    if (keeper->watches.count >= WATCH_COUNT_MAX)
        return fail_plain(err, ENOSPC, "%u streams are open", keeper->watches.count);
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return fail(err, ENOMEM, "open a stream");
    *watch = (struct watch){
        .request_id = request_id, .kind = kind, .job = job, .who = credential_of(request->who, request->evidence)
    };
    LIST_INSERT_HEAD(&job->watches, watch, in_job);
    LIST_INSERT_HEAD(&keeper->watches.buckets[request_id % WATCH_BUCKETS], watch, in_table);
    keeper->watches.count++;
    return 0;
}

void watch_remove(struct keeper *keeper, uint32_t request_id)
{
    struct watch *watch = watch_find(keeper, request_id);
    if (watch != NULL)
        watch_free(keeper, watch);
}

void watches_clear(struct keeper *keeper)
{
    for (unsigned i = 0; i < WATCH_BUCKETS; i++) {
        struct watch *watch = LIST_FIRST(&keeper->watches.buckets[i]);
        while (watch != NULL) {
            struct watch *next = LIST_NEXT(watch, in_table);
            watch_free(keeper, watch);
            watch = next;
        }
    }
}

void watches_forget_job(struct keeper *keeper, struct job *job)
{
    struct watch *watch = LIST_FIRST(&job->watches);
    while (watch != NULL) {
        struct watch *next = LIST_NEXT(watch, in_job);
        watch_free(keeper, watch);
        watch = next;
    }
    if (job->has_news)
        TAILQ_REMOVE(&keeper->watches.news, job, in_news);
    job->has_news = false;
}

void watch_news(struct keeper *keeper, struct job *job, bool is_output)
{
    if (LIST_EMPTY(&job->watches))
        return;
    if (is_output)
        job->has_grown = true;
    else
        job->has_report = true;
    if (!job->has_news)
        TAILQ_INSERT_TAIL(&keeper->watches.news, job, in_news);
    job->has_news = true;
    turn_schedule(keeper);
}

static void tell_report(struct keeper *keeper, struct job *job, struct watch *watch)
{
    struct msg_job report;
    struct error err = { 0 };
    if (report_job(keeper, &job->record, &report, &err) == 0)
        peer_send(&keeper->front, MSG_JOB, watch->request_id, &report, NULL, 0);
}

static void tell_grown(struct keeper *keeper, struct job *job, struct watch *watch)
{
    struct msg_grown grown;
    report_grown(job, &grown);
    peer_send(&keeper->front, MSG_GROWN, watch->request_id, &grown, NULL, 0);
}

static void tell_job(struct keeper *keeper, struct job *job)
{
    struct watch *watch;
    LIST_FOREACH(watch, &job->watches, in_job)
    {
        if (watch->kind == WATCH_JOB && job->has_report)
            tell_report(keeper, job, watch);
        else if (watch->kind == WATCH_OUTPUT && (job->has_grown || job->is_over))
            tell_grown(keeper, job, watch);
        else if (watch->kind == WATCH_CALL && job->is_over)
            call_tell(keeper, watch->request_id, job);
    }
    job->has_report = job->has_grown = job->has_news = false;
}

void watches_tell(struct keeper *keeper)
{
    TAILQ_HEAD(rest, job) rest = TAILQ_HEAD_INITIALIZER(rest);
    struct job *job;
    while ((job = TAILQ_FIRST(&keeper->watches.news)) != NULL && !peer_is_slow(&keeper->front)) {
        TAILQ_REMOVE(&keeper->watches.news, job, in_news);
        if (job->is_changed) { /* the commit failed: what is not stored is not told */
            TAILQ_INSERT_TAIL(&rest, job, in_news);
            continue;
        }
        tell_job(keeper, job);
        if (job->is_over)
            job_forget(keeper, job); /* and with it every watch: nothing more will come */
    }
    if (!TAILQ_EMPTY(&keeper->watches.news))
        timer_start(keeper->watches.later, LATER_MS);
    TAILQ_CONCAT(&keeper->watches.news, &rest, in_news);
}
