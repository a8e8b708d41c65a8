/* What the keeper has the launcher do, and what became of it; messages.h has the whole protocol. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"

/*
 * descriptors: [stdin, when has_stdin]: a sealed memory file, or of a stream the file that it grows in, at its beginning; [files, when
 * has_files]
 */
struct msg_launch {
    struct job_id job_id;
    uint32_t generation; /* of the policy; an old one is refused */
    uint32_t command;    /* an index, never a path or a policy's name */
    uint32_t timeout_ms; /* may only shorten the command's own */
    struct span params;  /* entries: the values as the caller wrote them, checked again */
    char actor[NAME_MAX_BYTES];
    uint8_t source;         /* enum job_source */
    struct span audit_head; /* 32 bytes: the head of the keeper's audit chain, for the launcher's own record */
    bool has_stdin;
    bool has_files; /* a bundle of those that params tell of */
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

struct msg_job_only { /* MSG_EXITED_SEEN, MSG_STDIN_END */
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

/*
 * descriptors: the read ends of stdout and stderr; [while a stream of standard input has not ended, its file as MSG_LAUNCH brought
 * it, whose position says how much the job was given, and the write end of its pipe]; [the read end of the collector's pipe]
 */
struct msg_launched {
    struct job_id job_id;
    uint64_t started_unix_ms;
    uint32_t degraded; /* enum degrade: the weaker means in use */
    bool has_stdin_stream, has_artifacts;
    uint64_t artifacts_max_bytes; /* of files, without what frames them (base/artifact_frames.h) */
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
