/*
 * Everything that two processes can say to each other. The field tables in messages.c are the whole protocol.
 *
 * Who says what to whom:
 *   bootstrap -> each child   one way, over the control channel (descriptor 3): who to be, what to serve, when to end
 *   front    <-> keeper       requests with their evidence; answers carry the request's number
 *   keeper   <-> launcher     orders, and what became of them
 *
 * A message is a claim. The receiver checks what it means against its own copy of the rules.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"

enum msg_type {
    MSG_NONE,

    /* bootstrap -> child */
    MSG_BECOME,       /* the ids to take; always the first */
    MSG_STATE_DIR,    /* keeper: + its directory */
    MSG_DOORBELL,     /* keeper: + an eventfd that asks the bootstrap to reload */
    MSG_LISTENER,     /* front: + a listening socket */
    MSG_CGROUP,       /* launcher: + the directory below which jobs' groups are made */
    MSG_START_RECORD, /* launcher: + a file that it can only append to (start_record.h) */
    MSG_SLOT,         /* launcher: + the socket of one slot's supervisor */
    MSG_SLOT_ROOT,    /* launcher: + a mount namespace of a slot */
    MSG_SETTINGS,     /* + a sealed file of settings records (settings.h); again at a reload */
    MSG_POLICY,   /* + a sealed file of policy records (policy_records.h); before MSG_SETTINGS of the same generation */
    MSG_PEER,     /* + one end of a socket pair; replaces the old one */
    MSG_BEGIN,    /* all is handed over: lock down, then serve */
    MSG_SHUTDOWN, /* take no new work; the keeper ends when its running jobs have, or are cancelled after grace_ms */
    MSG_RELOADED, /* keeper: how a reload ended, behind all that it brought */

    /* front -> keeper */
    MSG_WHOAMI,
    MSG_LIST_COMMANDS,
    MSG_SUBMIT,
    MSG_READ_JOB,
    MSG_READ_OUTPUT,
    MSG_UNWATCH,
    MSG_LIST_JOBS,
    MSG_LIST_STEPS,
    MSG_LIST_SCHEDULES,
    MSG_CANCEL,
    MSG_SIGNAL,
    MSG_READ_METRICS,
    MSG_FOLLOW,
    MSG_RELOAD,
    MSG_DRAIN,
    MSG_READ_DRAIN,

    /* keeper -> front */
    MSG_STATUS,
    MSG_IDENTITY,
    MSG_COMMANDS,
    MSG_SUBMITTED,
    MSG_JOB,
    MSG_OUTPUT,
    MSG_GROWN,
    MSG_STEP,
    MSG_SCHEDULE,
    MSG_JOBS_END,
    MSG_CANCELLED,
    MSG_SIGNALLED,
    MSG_FEED,
    MSG_CHANGE,
    MSG_METRICS, /* + a sealed file of what was counted (metrics.h) */
    MSG_RELOAD_TAKEN,
    MSG_DRAIN_STATE,
    MSG_REFUSED,

    /* keeper -> launcher */
    MSG_LAUNCH,
    MSG_STOP,
    MSG_SIGNAL_JOB,
    MSG_EXITED_SEEN,

    /* launcher -> keeper */
    MSG_HELLO,
    MSG_LAUNCHED,
    MSG_NOT_LAUNCHED,
    MSG_EXITED,

    MSG_COUNT,
};

enum process { PROCESS_NONE, PROCESS_FRONT, PROCESS_KEEPER, PROCESS_LAUNCHER, PROCESS_COUNT };

/* --- bootstrap -> child ------------------------------------------------------------------------------------- */

struct msg_become {
    uint32_t uid, gid;
    bool keeps_ids; /* rootless with a single id: there is nothing to change to, and groups stay */
};

struct msg_listener {
    char address[PATH_MAX_BYTES]; /* as configured: "127.0.0.1:8417", "unix:/run/sallyport/api.sock" */
    bool is_unix;
    bool is_for_metrics; /* /metrics alone, to whoever asks */
};

struct msg_slot {
    uint32_t slot;     /* number of the slot */
    uint32_t account;  /* index of the account whose id the slot maps; ACCOUNT_NONE for ids of its own */
    uint32_t uid, gid; /* the job's ids inside the slot's namespace */
};

struct msg_slot_root {
    uint32_t slot, root; /* the root's index in the policy */
    uint32_t generation; /* of the policy that the index belongs to */
};

struct msg_generation { /* MSG_SETTINGS, MSG_POLICY */
    uint32_t generation;
};

struct msg_peer {
    uint8_t process; /* enum process: who sits at the other end */
};

struct msg_shutdown {
    uint32_t grace_ms;
};

struct msg_reloaded {
    uint64_t rings;             /* of this keeper's doorbell, that were heard before it began */
    uint32_t generation;        /* in effect now */
    bool is_taken, has_changed; /* changed: what was taken says something else than what was in effect */
    char why[ERROR_TEXT_MAX_BYTES];
    struct span lines; /* entries of ENTRY_ERROR without a pointer: faults, or the warnings of what was taken */
};

struct msg_empty {
    uint8_t unused;
};

/* --- front -> keeper ---------------------------------------------------------------------------------------- */

enum evidence_kind {
    EVIDENCE_NONE,
    EVIDENCE_BEARER,
    EVIDENCE_PEER,
    EVIDENCE_SERVICE, /* in records alone: the keeper itself asked, for a schedule. Nobody can show it. */
    EVIDENCE_COUNT
};

/* What a caller showed. The front passes it on and decides nothing by it. */
struct evidence {
    uint8_t kind;
    struct span secret;              /* EVIDENCE_BEARER: the token as presented */
    char address[ADDRESS_MAX_BYTES]; /* where the connection came from, for the record only */
    /* EVIDENCE_PEER: the first descriptor of the message is the accepted unix connection itself */
};

struct msg_whoami { /* also MSG_LIST_COMMANDS, MSG_LIST_SCHEDULES, MSG_RELOAD, MSG_READ_DRAIN */
    struct evidence evidence;
};

struct msg_submit { /* descriptors: [the connection, for EVIDENCE_PEER] [stdin, when has_stdin] */
    struct evidence evidence;
    char command[NAME_MAX_BYTES];  /* SEQUENCE_NAME: it runs the steps below */
    struct span params;            /* entries: the values as the caller wrote them */
    struct span steps;             /* entries of ENTRY_STEP */
    uint32_t parallel;             /* of these steps at once; 0: one */
    struct span labels;            /* entries of ENTRY_LABEL */
    char reason[REASON_MAX_BYTES]; /* why, in the caller's words */
    char idempotency_key[IDEMPOTENCY_KEY_MAX_BYTES + 1];
    uint32_t timeout_ms; /* 0: the command's own; may only shorten it */
    bool has_priority;
    uint8_t priority; /* may only be less than the command's own */
    bool has_stdin;   /* a sealed memory file is handed over */
};

struct msg_read_job { /* also MSG_READ_OUTPUT, MSG_LIST_STEPS */
    struct evidence evidence;
    struct job_id job_id;
    bool watch; /* go on telling (MSG_JOB, MSG_GROWN) under the same number until MSG_UNWATCH */
};

struct msg_list_jobs {
    struct evidence evidence;
    char command[NAME_MAX_BYTES]; /* "" for any */
    uint8_t state;                /* enum job_state; 0 for any */
    char actor[NAME_MAX_BYTES];
    struct span label;                     /* one entry, or nothing */
    struct job_id parent;                  /* all zero for any */
    uint64_t since_unix_ms, until_unix_ms; /* 0 for open */
    bool has_before;
    struct job_id before; /* jobs older than this one: the page after it */
    uint32_t limit;
};

struct msg_cancel {
    struct evidence evidence;
    struct job_id job_id;
    bool has_grace;
    uint32_t grace_ms;
    char reason[REASON_MAX_BYTES];
};

struct msg_signal {
    struct evidence evidence;
    struct job_id job_id;
    uint8_t signal;
};

struct msg_read_metrics {
    struct evidence evidence;
    bool is_open; /* it came over server.metrics.listen, where nobody shows evidence: the front's word */
};

enum feed_kind { FEED_JOBS = 1, FEED_QUEUE = 2, FEED_CONFIG = 4, FEED_ALL = 7 };

struct msg_follow { /* goes on under the same number until MSG_UNWATCH: MSG_FEED first, then MSG_CHANGE and MSG_FEED */
    struct evidence evidence;
    uint8_t kinds;    /* enum feed_kind: bits; 0: only the end of the right to look */
    struct span jobs; /* so many ids, one behind the other; nothing: all that the caller may read */
    bool has_cursor;
    uint64_t life, sequence; /* of the last change that was seen */
};

struct msg_drain { /* no end of the service: that is MSG_SHUTDOWN */
    struct evidence evidence;
    bool is_on;
};

/* --- keeper -> front ---------------------------------------------------------------------------------------- */

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

struct msg_commands {
    struct span visible, runnable; /* a bit for each command index of `generation`, lowest bit first */
    uint32_t generation;
};

struct msg_submitted {
    struct job_id job_id;
    bool was_replayed;
};

/* The report of one job, as the record has it. */
struct msg_job {
    struct job_id job_id;
    char command[NAME_MAX_BYTES];
    uint8_t state, reason; /* enum job_state, enum job_reason */
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
    uint64_t output_bytes;
    bool output_truncated;
    struct span output_sha256; /* 32 bytes once the job has ended, else nothing */
    uint64_t version;          /* counts the changes of the record */
};

struct msg_output { /* descriptors: the bytes and the index, both read-only (output_log.h) */
    struct job_id job_id;
    uint64_t bytes;     /* how much of the log is whole */
    uint32_t records;   /* and of its index */
    bool is_complete;   /* nothing will be added */
    struct span sha256; /* of the log, 32 bytes, once it is complete; nothing if it is not known */
};

struct msg_grown {
    uint64_t bytes;
    uint32_t records;
    bool is_complete;
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
};

/* --- keeper <-> launcher ------------------------------------------------------------------------------------ */

struct msg_launch { /* descriptors: [stdin, when has_stdin] */
    struct job_id job_id;
    uint32_t generation; /* of the policy; an old one is refused */
    uint32_t command;    /* an index, never a path or a policy's name */
    uint32_t timeout_ms; /* may only shorten the command's own */
    struct span params;  /* entries: the values as the caller wrote them, checked again */
    char actor[NAME_MAX_BYTES];
    uint8_t source;         /* enum job_source */
    struct span audit_head; /* 32 bytes: the head of the keeper's audit chain, for the launcher's own record */
    bool has_stdin;
};

struct msg_stop {
    struct job_id job_id;
    uint8_t reason; /* JOB_REASON_CANCELLED or JOB_REASON_OUTPUT_LIMIT */
    bool has_grace;
    uint32_t grace_ms; /* between TERM and KILL; else the command's own */
};

struct msg_signal_job {
    struct job_id job_id;
    uint8_t signal;
};

struct msg_job_only { /* MSG_EXITED_SEEN */
    struct job_id job_id;
};

struct msg_hello {        /* the first to a new keeper; the jobs it holds follow as MSG_LAUNCHED, MSG_EXITED */
    uint64_t incarnation; /* a new number for each start of the launcher */
    uint32_t generation;
    /*
     * So many of them follow at once, one for each job that has a slot: also one that is still being set up (its
     * MSG_LAUNCHED comes early, with its pipes), for what is not named here the keeper queues again or calls lost.
     */
    uint32_t held;
};

struct msg_launched { /* descriptors: the read ends of stdout and stderr */
    struct job_id job_id;
    uint64_t started_unix_ms;
    uint32_t degraded; /* enum degrade: the weaker means in use */
};

enum not_launched {
    NOT_LAUNCHED_NONE,
    NOT_LAUNCHED_STALE,
    NOT_LAUNCHED_BUSY,
    NOT_LAUNCHED_INVALID,
    NOT_LAUNCHED_NO_ROOM, /* the start cannot be noted: the disk is full */
    NOT_LAUNCHED_COUNT
};

struct msg_not_launched { /* no slot was touched; launch_failed is an MSG_EXITED */
    struct job_id job_id;
    uint8_t why;
    char detail[ERROR_TEXT_MAX_BYTES];
};

struct msg_exited {
    struct job_id job_id;
    uint8_t reason;
    uint32_t exit_code, signal, limits_hit, degraded;
    char step[NAME_MAX_BYTES];
    char message[ERROR_TEXT_MAX_BYTES];
    uint64_t finished_unix_ms;
    uint64_t wall_us, user_us, system_us, memory_peak_bytes;
};

union any_message {
    struct msg_become become;
    struct msg_listener listener;
    struct msg_slot slot;
    struct msg_slot_root slot_root;
    struct msg_generation generation;
    struct msg_peer peer;
    struct msg_shutdown shutdown;
    struct msg_reloaded reloaded;
    struct msg_empty empty;
    struct msg_whoami whoami;
    struct msg_submit submit;
    struct msg_read_job read_job;
    struct msg_list_jobs list_jobs;
    struct msg_cancel cancel;
    struct msg_signal signal;
    struct msg_read_metrics read_metrics;
    struct msg_follow follow;
    struct msg_drain drain;
    struct msg_status status;
    struct msg_identity identity;
    struct msg_commands commands;
    struct msg_submitted submitted;
    struct msg_job job;
    struct msg_output output;
    struct msg_grown grown;
    struct msg_step step;
    struct msg_schedule schedule;
    struct msg_jobs_end jobs_end;
    struct msg_feed feed;
    struct msg_change change;
    struct msg_cancelled cancelled;
    struct msg_reload_taken reload_taken;
    struct msg_drain_state drain_state;
    struct msg_refused refused;
    struct msg_launch launch;
    struct msg_stop stop;
    struct msg_signal_job signal_job;
    struct msg_job_only job_only;
    struct msg_hello hello;
    struct msg_launched launched;
    struct msg_not_launched not_launched;
    struct msg_exited exited;
};

#define ACCOUNT_NONE UINT32_MAX

/* How many descriptors a message of this type may carry. */
struct fd_range {
    uint8_t least, most;
};

extern const struct record_def message_defs[MSG_COUNT];
extern const struct fd_range message_fds[MSG_COUNT];
