/* Pages of jobs. */
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "report.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"

#define PAGE_DEFAULT   50
#define PAGE_MAX_BYTES (1024 * 1024) /* of parameters and labels; then the page ends early */

struct page {
    struct keeper *keeper;
    const struct request *request;
    uint32_t wanted, sent;
    size_t bytes;
    bool has_more;
};

static bool send_one(void *arg, const struct job_record *record)
{
    struct page *page = arg;
    struct msg_job report;
    struct error err = { 0 };
    if (page->sent == page->wanted || page->bytes > PAGE_MAX_BYTES) {
        page->has_more = true;
        return false;
    }
    const struct job *job = job_find(page->keeper, &record->id);
    bool is_ahead = job != NULL && !turn_hides(page->keeper, job);
    if (report_job(page->keeper, is_ahead ? &job->record : record, &report, &err) < 0)
        return true; /* logged; one damaged record does not hide the others */
    page->bytes += report.params.size + report.labels.size;
    page->sent++;
    request_answer(page->keeper, page->request, MSG_JOB, &report);
    return true;
}

/* Narrows the filter to what the caller may read. False when that leaves nothing. */
static bool narrow(const struct caller *who, struct job_filter *filter)
{
    if (may_read_all(who))
        return true;
    if (!may_read_own(who) || (filter->actor[0] != '\0' && strcmp(filter->actor, who->name) != 0))
        return false;
    filter->actor = who->name;
    filter->via = caller_via(who);
    return true;
}

static bool read_label(struct span label, struct job_label *ret_label)
{
    struct reader in = { label.data, label.size };
    struct entry entry;
    if (label.size == 0)
        return true;
    if (entries_next(&in, &entry) != 1 || in.left != 0 || entry.kind != ENTRY_LABEL || entry.name.size == 0)
        return false;
    *ret_label = (struct job_label){ entry.name, entry.value };
    return true;
}

/* Where the page begins: behind this job, wherever it is now. */
static int find_order(struct keeper *keeper, const struct msg_list_jobs *asked, struct order *ret_order,
                      struct error *err)
{
    struct job at;
    const struct job *job = job_find(keeper, &asked->before);
    int found = job != NULL ? 1 : store_job_read(keeper->store, &asked->before, &at.record, err);
    if (found > 0)
        *ret_order = queue_order(job != NULL ? job : &at);
    return found;
}

static bool is_listed(const struct msg_list_jobs *asked, const struct caller *who, const struct job *job)
{
    const struct job_record *record = &job->record;
    return may_read(who, record->actor, record->via) &&
           (asked->command[0] == '\0' || strcmp(asked->command, record->command) == 0) &&
           (asked->actor[0] == '\0' || strcmp(asked->actor, record->actor) == 0);
}

/* The jobs that wait, in their order. */
static void list_queue(struct keeper *keeper, const struct request *request, const struct msg_list_jobs *asked)
{
    struct page page = { .keeper = keeper,
                         .request = request,
                         .wanted = asked->limit != 0 ? asked->limit : PAGE_DEFAULT };
    struct error err = { 0 };
    struct order behind;
    int found = asked->has_before ? find_order(keeper, asked, &behind, &err) : 0;
    if (found < 0) {
        request_fail(keeper, request, &err);
        return;
    }
    const struct ranking *order = &keeper->queue.order;
    const struct job *job = found > 0 ? ranking_behind(order, behind) : ranking_first(order);
    for (; job != NULL; job = ranking_behind(order, queue_order(job)))
        if (is_listed(asked, request->who, job) && !send_one(&page, &job->record))
            break;
    request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = page.has_more });
}

void answer_list_jobs(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_list_jobs *asked = &message->body.list_jobs;
    if (asked->is_queue) {
        list_queue(keeper, request, asked);
        return;
    }
    struct page page = { .keeper = keeper,
                         .request = request,
                         .wanted = asked->limit != 0 ? asked->limit : PAGE_DEFAULT };
    struct job_filter filter = { .command = asked->command,
                                 .actor = asked->actor,
                                 .state = asked->state,
                                 .parent = job_id_is_none(&asked->parent) ? NULL : &asked->parent,
                                 .since_unix_ms = asked->since_unix_ms,
                                 .until_unix_ms = asked->until_unix_ms,
                                 .before = asked->has_before ? &asked->before : NULL,
                                 .limit = page.wanted + 1 };
    struct error err = { 0 };
    if (!read_label(asked->label, &filter.label)) {
        peer_break(&keeper->front, "a label filter that is no label");
        return;
    }
    if (narrow(request->who, &filter) && store_jobs_list(keeper->store, &filter, send_one, &page, &err) < 0) {
        request_fail(keeper, request, &err);
        return;
    }
    request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = page.has_more });
}
