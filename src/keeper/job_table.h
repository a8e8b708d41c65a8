/*
 * The jobs that have not ended, in memory. A job's record here is ahead of the database's until the turn ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ranking.h"
#include "sallyport/proto/messages.h"
#include "sallyport/store/store.h"

struct keeper;
struct lane;
struct output;
struct share;
struct slot_kind;
struct stdin_stream;

/* What follows once the record is stored. */
enum due {
    DUE_LAUNCH = 1,
    DUE_SEEN = 2,
    DUE_FORGET = 4,
    DUE_AUDIT_START = 8,
    DUE_AUDIT_END = 16,
    DUE_CHAIN = 32,
    DUE_TELL_START = 64, /* callbacks */
    DUE_TELL_END = 128,
};

struct job {
    LIST_ENTRY(job) in_table;
    LIST_ENTRY(job) in_started;
    TAILQ_ENTRY(job) in_changed, in_news, in_due;
    struct place in_queue, in_lane, in_overdue;
    struct job_record record;
    bool is_new;                          /* its record is in the open transaction and may yet be undone */
    bool is_over;                         /* its end is stored; here only until those who watch were told */
    bool is_changed, is_queued, has_news; /* on the list of that name */
    bool is_sequence_due;                 /* on keeper->sequences_due */
    bool has_followed;                    /* what its end brings was submitted in this turn */
    bool has_report, has_grown;           /* what the news are */
    unsigned due;                         /* enum due */
    uint8_t *secret_params; /* the parameters with their secrets; only here, and only until the job runs */
    uint32_t secret_params_bytes;
    struct lane *lane;           /* while it waits, and while it has a slot */
    struct share *share;         /* the same: its caller's */
    struct slot_kind *kind;      /* whose slot it has */
    uint64_t max_wait_ms;        /* how long it may wait; 0: for ever, or it does not wait */
    struct copy *stdin_copy;     /* while it is read from the disk */
    struct copy *files_copy;     /* the same of its uploads */
    int stdin_fd, files_fd;      /* the memory files that they become, or -1 */
    struct stdin_stream *stream; /* when it may be given bytes; or NULL */
    uint64_t stdin_stored;       /* record.stdin_bytes as it is stored */
    bool is_stdin_end_stored;    /* so is its end */
    bool has_chunk;              /* bytes for it are being stored */
    bool is_replaced;            /* its end is in the open transaction; here it waits for the commit (replacement.h) */
    bool is_end_told;            /* to callbacks, in the commit that replaced it */
    bool is_between;             /* the rules change, and it waits for its new lane */
    bool has_slot;
    bool was_ordered;   /* a launch was sent to the launcher of record.incarnation */
    bool is_unheard;    /* the launcher has said hello, and has not named this job yet */
    bool must_stop;     /* a stop was asked for that this launcher connection has not heard */
    bool is_over_limit; /* a stop for its output was asked for */
    bool has_stop_grace;
    uint32_t stop_grace_ms;
    struct msg_exited *exited; /* how it ended, while its last output is drained */
    bool is_start_counted;     /* in the metrics of this keeper, or of the one before */
    bool is_exit_reported;     /* by the launcher, which waits for our word */
    struct output *output;
    bool has_lost_output; /* its files could not be read at its end */
    LIST_HEAD(, watch) watches;
};

#define JOB_TABLE_BUCKETS 4096

struct job_table {
    LIST_HEAD(, job) buckets[JOB_TABLE_BUCKETS];
    unsigned count;
};

struct job *job_find(struct keeper *keeper, const struct job_id *id);

/* Puts a record into the table. NULL when memory is short. */
struct job *job_remember(struct keeper *keeper, const struct job_record *record);

/* Takes it out of everything and frees it. */
void job_forget(struct keeper *keeper, struct job *job);

/* Calls for every job in no particular order; the visitor may forget the job it is given. */
void jobs_each(struct keeper *keeper, void (*visit)(struct keeper *keeper, struct job *job));

/* Whether it has a slot and has not ended; and how many do. */
bool job_is_under_way(const struct job *job);
unsigned jobs_under_way(const struct keeper *keeper);

/* Secrets are overwritten before their memory is given back. */
void job_forget_secrets(struct job *job);
