/*
 * Who wants to hear more: requests of the front that stay open on a job that has not ended. News is gathered in a turn
 * and told at its end, once per watch; a front that is slow hears less often, never less.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "credential.h"

struct error;
struct job;
struct keeper;
struct request;

enum watch_kind { WATCH_JOB, WATCH_OUTPUT, WATCH_CALL };

struct watch {
    LIST_ENTRY(watch) in_job, in_table;
    uint32_t request_id;
    enum watch_kind kind;
    struct job *job;
    bool may_end_job;      /* a call that made it, and not one that joined it (call.h) */
    struct credential who; /* to ask again whether they may: after a reload, and when the token expires */
};

#define WATCH_BUCKETS   1024
#define WATCH_COUNT_MAX 4096 /* more is no front of ours */

struct watches {
    LIST_HEAD(, watch) buckets[WATCH_BUCKETS];
    unsigned count;
    TAILQ_HEAD(, job) news; /* jobs with something to tell */
    struct event *later;    /* the front is slow */
};

int watches_init(struct keeper *keeper, struct error *err);
void watches_done(struct keeper *keeper);

/* NULL when there is none. */
struct watch *watch_find(struct keeper *keeper, uint32_t request_id);

/* -EEXIST for a number in use, -ENOSPC above WATCH_COUNT_MAX. */
int watch_add(struct keeper *keeper, const struct request *request, enum watch_kind kind, struct job *job,
              struct error *err);
void watch_remove(struct keeper *keeper,
                  uint32_t request_id); /* an unknown number is no fault: ends cross on the way */
void watches_clear(struct keeper *keeper);
void watches_forget_job(struct keeper *keeper, struct job *job);

/* Something to tell about the job; is_output: only that its log has grown. */
void watch_news(struct keeper *keeper, struct job *job, bool is_output);

/* Tells all news; called at the end of a turn. */
void watches_tell(struct keeper *keeper);

/* Ends the watches of those who may not look any more, with 401 or 403: after a change of the rules. */
void watches_check(struct keeper *keeper);

/* The same for those whose credential has an end: every second. */
void watches_check_expiry(struct keeper *keeper);

/* For watch_rights.c. */
void watch_free(struct keeper *keeper, struct watch *watch);
