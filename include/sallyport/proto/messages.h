/*
 * Everything that two processes can say to each other: the types of messages, and here what the bootstrap says; requests.h, answers.h,
 * orders.h and deliveries.h have the rest. The field tables in messages.c are the whole protocol.
 *
 * Who says what to whom:
 *   bootstrap -> each child   one way, over the control channel (descriptor 3): who to be, what to serve, when to end
 *   front    <-> keeper       requests with their evidence; answers carry the request's number
 *   keeper   <-> launcher     orders, and what became of them
 *   keeper   <-> notifier     one attempt at a callback, and how it went
 *
 * A message is a claim. The receiver checks what it means against its own copy of the rules.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"
#include "sallyport/proto/answers.h"
#include "sallyport/proto/deliveries.h"
#include "sallyport/proto/functions.h"
#include "sallyport/proto/hooks.h"
#include "sallyport/proto/orders.h"
#include "sallyport/proto/requests.h"

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
    MSG_READ_ARTIFACTS,
    MSG_UNWATCH,
    MSG_LIST_JOBS,
    MSG_LIST_STEPS,
    MSG_LIST_SCHEDULES,
    MSG_LIST_CALLERS,
    MSG_CANCEL,
    MSG_SIGNAL,
    MSG_STDIN,
    MSG_READ_METRICS,
    MSG_FOLLOW,
    MSG_RELOAD,
    MSG_DRAIN,
    MSG_READ_DRAIN,
    MSG_PAUSE,
    MSG_LIST_CALLBACKS,
    MSG_REDELIVER,
    MSG_LOGIN,
    MSG_READ_SESSION,
    MSG_LOGOUT,
    MSG_CALL, /* a submit whose caller hears of the end: MSG_SUBMITTED, MSG_JOB, MSG_OUTPUT, until MSG_UNWATCH */

    /* keeper -> front */
    MSG_STATUS,
    MSG_IDENTITY,
    MSG_COMMANDS,
    MSG_SUBMITTED,
    MSG_VERDICT,
    MSG_JOB,
    MSG_OUTPUT,
    MSG_GROWN,
    MSG_STEP,
    MSG_SCHEDULE,
    MSG_CALLER,
    MSG_JOBS_END,
    MSG_CANCELLED,
    MSG_SIGNALLED,
    MSG_STDIN_TAKEN,
    MSG_FEED,
    MSG_CHANGE,
    MSG_METRICS, /* + a sealed file of what was counted (metrics.h) */
    MSG_RELOAD_TAKEN,
    MSG_DRAIN_STATE,
    MSG_CALLBACK,
    MSG_ATTEMPT,
    MSG_ARTIFACTS, /* + the stream and its index, when they are stored */
    MSG_SESSION,
    MSG_LOGGED_OUT,
    MSG_REFUSED,

    /* keeper -> launcher */
    MSG_LAUNCH,
    MSG_STOP,
    MSG_SIGNAL_JOB,
    MSG_STDIN_END, /* its stream has ended and was moved: the launcher's ends go, too */
    MSG_EXITED_SEEN,

    /* launcher -> keeper */
    MSG_HELLO,
    MSG_LAUNCHED,
    MSG_NOT_LAUNCHED,
    MSG_EXITED,

    /* keeper -> notifier */
    MSG_DELIVER,

    /* notifier -> keeper */
    MSG_DELIVERED,

    /* front -> keeper, of inbound webhooks */
    MSG_HOOK, /* + the body */
    MSG_HOOK_RUN,
    MSG_LIST_HOOKS,
    MSG_LIST_HOOK_DELIVERIES,
    MSG_HOOK_REDELIVER,

    /* keeper -> front */
    MSG_HOOK_ANSWER,
    MSG_HOOK_INFO,
    MSG_HOOK_DELIVERY,

    /* front -> keeper, of go-serverless's functions */
    MSG_LIST_FUNCTIONS,
    MSG_CHANGE_FUNCTIONS,

    /* keeper -> front */
    MSG_FUNCTION,

    MSG_COUNT,
};

enum process { PROCESS_NONE, PROCESS_FRONT, PROCESS_KEEPER, PROCESS_LAUNCHER, PROCESS_NOTIFIER, PROCESS_COUNT };

/* --- bootstrap -> child ------------------------------------------------------------------------------------- */

struct msg_become {
    uint32_t uid, gid;
    bool keeps_ids; /* rootless with a single id: there is nothing to change to, and groups stay */
};

struct msg_listener {
    char address[PATH_MAX_BYTES]; /* as configured: "127.0.0.1:8417", "unix:/run/sallyport/api.sock" */
    bool is_unix;
    bool is_for_metrics; /* /metrics alone, to whoever asks */
    bool is_tls;
    uint8_t predecessor; /* enum predecessor: whose clients alone are served there */
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
    struct msg_list_commands list_commands;
    struct msg_submit submit;
    struct msg_read_job read_job;
    struct msg_list_jobs list_jobs;
    struct msg_cancel cancel;
    struct msg_signal signal;
    struct msg_stdin stdin_chunk;
    struct msg_read_metrics read_metrics;
    struct msg_follow follow;
    struct msg_drain drain;
    struct msg_pause pause;
    struct msg_list_callbacks list_callbacks;
    struct msg_redeliver redeliver;
    struct msg_login login;
    struct msg_session session;
    struct msg_callback callback;
    struct msg_attempt attempt;
    struct msg_artifacts artifacts;
    struct msg_status status;
    struct msg_identity identity;
    struct msg_commands commands;
    struct msg_submitted submitted;
    struct msg_verdict verdict;
    struct msg_job job;
    struct msg_output output;
    struct msg_grown grown;
    struct msg_step step;
    struct msg_schedule schedule;
    struct msg_list_callers list_callers;
    struct msg_caller caller;
    struct msg_jobs_end jobs_end;
    struct msg_feed feed;
    struct msg_change change;
    struct msg_cancelled cancelled;
    struct msg_stdin_taken stdin_taken;
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
    struct msg_deliver deliver;
    struct msg_delivered delivered;
    struct msg_hook hook;
    struct msg_hook_run hook_run;
    struct msg_hook_answer hook_answer;
    struct msg_hook_info hook_info;
    struct msg_list_hook_deliveries list_hook_deliveries;
    struct msg_hook_delivery hook_delivery;
    struct msg_hook_redeliver hook_redeliver;
    struct msg_list_functions list_functions;
    struct msg_change_functions change_functions;
    struct msg_function function;
};

#define ACCOUNT_NONE UINT32_MAX

/* How many descriptors a message of this type may carry. */
struct fd_range {
    uint8_t least, most;
};

extern const struct record_def message_defs[MSG_COUNT];
extern const struct fd_range message_fds[MSG_COUNT];
