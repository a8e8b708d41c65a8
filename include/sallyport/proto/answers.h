/* What the keeper tells the front; messages.h has the whole protocol. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"

struct msg_status {
    bool is_launcher_up, is_stopping, is_drained;
    uint32_t generation;
};

struct msg_identity {
    char actor[NAME_MAX_BYTES];
    uint8_t via;              /* enum evidence_kind */
    char scopes[4096];        /* separated by blanks, as configured */
    uint64_t expires_unix_ms; /* 0: never */
};

/* MSG_LOGIN and MSG_READ_SESSION. */
struct msg_session {
    struct msg_identity identity;
    char secret[SESSION_SECRET_BYTES + 1]; /* the cookie's value, told once: at login; else "" */
    uint64_t began_unix_ms;
    uint64_t idle_until_unix_ms; /* unless a request comes first */
    uint64_t until_unix_ms;
};

/* That a command's jobs do not start. */
struct pause_state {
    bool is_paused, refuses;
    char reason[REASON_MAX_BYTES];
    char actor[NAME_MAX_BYTES]; /* who said so, */
    uint64_t since_unix_ms;     /* and when */
};

struct msg_commands {
    struct span visible, runnable, paused; /* a bit for each command index of `generation`, lowest bit first */
    uint32_t generation;
    struct pause_state pause; /* of the command that the request names */
};

struct msg_submitted { /* at most one of the three: then the job was there before */
    struct job_id job_id;
    bool was_replayed;     /* the same idempotency key */
    bool was_coalesced;    /* it waits, with the same key of `concurrency` */
    bool was_deduplicated; /* it was accepted a moment ago, with the same key of `dedupe` */
};

struct msg_verdict {
    struct job_id job_id;              /* the job that would be the answer; all zero: it would be a new one */
    char code[32];                     /* of the refusal; "" when it would be accepted */
    char detail[ERROR_TEXT_MAX_BYTES]; /* the same */
    struct span errors;                /* entries of ENTRY_ERROR */
    uint32_t retry_after_s;
    uint32_t position;                    /* where a new job would stand; 0: it would start at once */
    uint8_t wait;                         /* enum job_wait: why */
    char queued_reason[REASON_MAX_BYTES]; /* the same in words */
    bool has_argv;
    struct span argv; /* texts, each with its NUL: what would be executed */
};

/* The report of one job, as the record has it. */
struct msg_job {
    struct job_id job_id;
    char command[NAME_MAX_BYTES];
    uint8_t state, reason; /* enum job_state, enum job_reason */
    uint8_t wait;          /* enum job_wait: why it waits */
    char queued_reason[REASON_MAX_BYTES];
    uint32_t position;  /* in the queue, from 1; 0 when not waiting */
    struct span params; /* entries; secrets as ENTRY_SECRET without value */
    struct span labels;
    char actor[NAME_MAX_BYTES];
    uint8_t via;
    char address[ADDRESS_MAX_BYTES];
    uint8_t source;                  /* enum job_source */
    char origin[NAME_MAX_BYTES];     /* the schedule that asked; else "" */
    struct job_id parent;            /* the job that it follows, or is a step of; all zero: none */
    uint32_t step_index, step_count; /* among its parent's, from 1, or 0; of a sequence, or 0 */
    uint8_t priority;
    char why[REASON_MAX_BYTES];                                  /* the caller's reason */
    uint64_t created_unix_ms, started_unix_ms, finished_unix_ms; /* 0: not yet */
    uint32_t timeout_ms;
    uint32_t exit_code, signal;         /* one of the two at an end by itself */
    uint32_t limits_hit, degraded;      /* enum job_limit, enum degrade */
    char step[NAME_MAX_BYTES];          /* launch_failed: the step that could not be done */
    char message[ERROR_TEXT_MAX_BYTES]; /* a sentence for people */
    char stopped_by[NAME_MAX_BYTES];    /* who or what stopped it: an actor, "timeout", "output_limit", "shutdown" */
    uint64_t wall_us, user_us, system_us, memory_peak_bytes;
    bool is_stdin_stream, has_stdin_ended;
    uint64_t stdin_bytes; /* of such a stream: that were taken */
    uint64_t output_bytes;
    bool output_truncated;
    struct span output_sha256; /* 32 bytes once the job has ended, else nothing */
    uint64_t version;          /* counts the changes of the record */
    struct span callback;      /* the URL that a predecessor's client named, as it wrote it; or nothing */
};

struct msg_output { /* descriptors: the bytes and the index, both read-only (output_log.h) */
    struct job_id job_id;
    uint64_t bytes;     /* how much of the log is whole */
    uint32_t records;   /* and of its index */
    bool is_complete;   /* nothing will be added */
    struct span sha256; /* of the log, 32 bytes, once it is complete; nothing if it is not known */
};

enum artifacts_state {
    ARTIFACTS_NONE,      /* the job has ended and left none, or its command keeps none */
    ARTIFACTS_PENDING,   /* the job has not ended */
    ARTIFACTS_GATHERING, /* its end is known, or some have come */
    ARTIFACTS_STORED,
    ARTIFACTS_STATE_COUNT
};

struct msg_artifacts { /* descriptors: [the stream and its index (artifact_index.h), when stored] */
    struct job_id job_id;
    uint8_t state; /* enum artifacts_state */
    uint64_t bytes, index_bytes;
};

struct msg_grown {
    uint64_t bytes;
    uint32_t records;
    bool is_complete;
};

enum stdin_verdict {
    STDIN_TAKEN,
    STDIN_GAP,    /* bytes between those that are known and these are missing */
    STDIN_CLOSED, /* it was said to end, or the job reads no more */
    STDIN_BUSY,   /* others are being stored */
    STDIN_VERDICT_COUNT
};

struct msg_stdin_taken {
    uint8_t verdict; /* enum stdin_verdict */
    uint64_t bytes;  /* that are stored: where the next begin */
    bool has_ended;
};

struct msg_step {   /* answers MSG_LIST_STEPS, one for each step; then MSG_JOBS_END */
    uint32_t index; /* from 1 */
    char command[NAME_MAX_BYTES];
    bool continues, is_skipped; /* skipped: there is no job, and there will be none */
    struct job_id job_id;       /* all zero: none */
    uint8_t state;              /* enum job_state of that job */
    struct span params;
    char message[ERROR_TEXT_MAX_BYTES]; /* of its end, or why it was refused */
};

/* Where a feed stands, and how we are: the first answer, and again when that changes. */
struct msg_feed {
    uint64_t life;                  /* of the keeper; the sequence begins anew with each */
    uint64_t sequence;              /* all changes up to this one were told, or are not for this feed */
    bool has_reset, is_launcher_up; /* reset: what came before is not known any more */
    uint32_t generation;
    uint32_t waiting, running; /* jobs: as of the last second */
};

/* A job was created, or its state changed; as it was then. */
struct msg_change {
    uint64_t sequence;
    struct job_id job_id;
    char command[NAME_MAX_BYTES];
    uint8_t state, reason;
    uint64_t version;
    uint64_t created_unix_ms, started_unix_ms, finished_unix_ms;
    uint32_t exit_code, signal, limits_hit;
    char step[NAME_MAX_BYTES];
    char message[ERROR_TEXT_MAX_BYTES];
    char stopped_by[NAME_MAX_BYTES];
};

struct msg_schedule { /* answers MSG_LIST_SCHEDULES, one for each; then MSG_JOBS_END */
    char name[NAME_MAX_BYTES], command[NAME_MAX_BYTES], zone[NAME_MAX_BYTES];
    uint8_t form;                   /* enum schedule_form */
    char text[SCHEDULE_TEXT_BYTES]; /* as it was written */
    uint32_t jitter_ms;
    uint8_t missed; /* enum missed_policy */
    bool is_enabled;
    struct span params;
    char next[SCHEDULE_NEXT_BYTES]; /* its next nominal times in its zone, RFC 3339, separated by blanks */
    bool has_job;
    struct job_id job_id; /* the latest */
    uint8_t job_state;    /* enum job_state */
};

struct
    msg_caller { /* answers MSG_LIST_CALLERS, one for each; then MSG_JOBS_END, after which the front may ask for more */
    char name[NAME_MAX_BYTES];
    uint8_t kind;             /* enum identity_kind */
    uint32_t uid;             /* IDENTITY_PEER */
    uint32_t secret_count;    /* IDENTITY_TOKEN */
    char scopes[4096];        /* separated by blanks, as configured */
    uint64_t expires_unix_ms; /* 0: never */
    uint64_t used_unix_ms;    /* to the minute; 0: never */
    bool is_narrowed;         /* a token with values or addresses of its own */
};

struct msg_jobs_end {
    bool has_more;
};

struct msg_cancelled {
    bool has_changed; /* false: the job had ended already */
};

struct msg_reload_taken { /* of a reload that began after it was asked for */
    uint32_t generation;  /* in effect in the keeper */
    bool has_changed;
    struct span warnings; /* entries, as MSG_RELOADED has them */
};

struct msg_drain_state {
    bool is_on;
    uint32_t running, queued; /* jobs */
};

struct msg_refused {
    uint32_t status; /* of HTTP */
    char code[32];   /* of API problems: "params-invalid" */
    char detail[ERROR_TEXT_MAX_BYTES];
    struct span errors; /* entries of ENTRY_ERROR */
    uint32_t retry_after_s;
    char rate[16]; /* whose rate was exceeded: "command", "caller", "service"; "" for none */
    uint32_t rate_count, rate_period_s;
};
