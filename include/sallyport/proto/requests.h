/* What the front asks of the keeper; messages.h has the whole protocol. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"

enum evidence_kind {
    EVIDENCE_NONE,
    EVIDENCE_BEARER,
    EVIDENCE_PEER,
    EVIDENCE_SERVICE,     /* in records alone: the keeper itself asked, for a schedule. Nobody can show it. */
    EVIDENCE_CERTIFICATE, /* the front's word on what it verified */
    EVIDENCE_BASIC,       /* a token and the name of its holder; in records it is EVIDENCE_BEARER */
    EVIDENCE_SESSION,     /* the cookie that a login gave to a user */
    EVIDENCE_LISTENER,    /* nothing was shown on the listener of a predecessor; its name, by the front's word */
    EVIDENCE_HOOK,        /* in records alone: a delivery that proved itself. Nobody can show it. */
    EVIDENCE_COUNT
};

/* What a caller showed. The front passes it on and decides nothing by it. */
struct evidence {
    uint8_t kind;
    struct span
        secret; /* _BEARER: the token as presented; _BASIC: "NAME:TOKEN"; _CERTIFICATE: lines of claims; _SESSION: the cookie's value */
    char address[ADDRESS_MAX_BYTES]; /* where the request came from: the front's word */
    /* EVIDENCE_PEER: the first descriptor of the message is the accepted unix connection itself */
};

struct msg_whoami { /* also MSG_LIST_SCHEDULES, MSG_RELOAD, MSG_READ_DRAIN, MSG_READ_SESSION, MSG_LOGOUT */
    struct evidence evidence;
};

struct msg_list_callers {
    struct evidence evidence;
    uint32_t from; /* behind so many of the configuration's order */
};

struct msg_list_commands {
    struct evidence evidence;
    char command[NAME_MAX_BYTES]; /* whose pause is told; "" for none */
};

struct           /* also MSG_CALL */
    msg_submit { /* descriptors: [the connection, for EVIDENCE_PEER] [stdin, when has_stdin] [files, when has_files] */
    struct evidence evidence;
    bool is_trial;                 /* a dry run: checked in every way, and then MSG_VERDICT instead of a job */
    char command[NAME_MAX_BYTES];  /* "" with rerun_of; SEQUENCE_NAME: it runs the steps below */
    struct job_id rerun_of;        /* command and parameters are those of this job; all zero: they are these */
    struct span params;            /* entries: the values as the caller wrote them */
    struct span steps;             /* entries of ENTRY_STEP */
    uint32_t parallel;             /* of these steps at once; 0: one */
    struct span labels;            /* entries of ENTRY_LABEL */
    char reason[REASON_MAX_BYTES]; /* why, in the caller's words */
    char idempotency_key[IDEMPOTENCY_KEY_MAX_BYTES + 1];
    uint32_t timeout_ms; /* 0: the command's own; may only shorten it */
    bool has_priority;
    uint8_t priority;              /* may only be less than the command's own */
    bool has_stdin;                /* a sealed memory file is handed over */
    bool has_files;                /* another one: a bundle (base/file_bundle.h) of uploads, which are parameters too */
    char callback[NAME_MAX_BYTES]; /* is told of its end; "": none */
    char callback_url[URL_MAX_BYTES]; /* where, for a callback that leaves it to requests; else "" */
    uint8_t callback_format;          /* enum callback_format: what it is sent */
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
    bool is_queue;                         /* only those that wait, in the order in which they start */
    bool has_before;
    struct job_id
        before; /* the last job of the page before: those behind it, which are the older ones, or start later */
    uint32_t limit;
};

struct
    msg_stdin { /* descriptors: [the connection, for EVIDENCE_PEER] [the bytes, a sealed memory file, when has_bytes] */
    struct evidence evidence;
    struct job_id job_id;
    bool has_bytes, ends; /* ends: nothing comes behind these */
    bool has_offset;
    uint64_t offset; /* of the first of these bytes in all that the job is given */
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

struct msg_pause { /* answered with MSG_COMMANDS */
    struct evidence evidence;
    char command[NAME_MAX_BYTES];
    bool is_resume;
    bool refuses; /* new jobs, instead of letting them wait */
    char reason[REASON_MAX_BYTES];
};

/* The one request that is made without evidence: it asks for some. Only the address in it means anything. */
struct msg_login {
    struct evidence evidence;
    char user[NAME_MAX_BYTES];
    struct span password; /* text */
};
