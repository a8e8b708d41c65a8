/* What front and keeper say to each other of inbound webhooks; messages.h has the whole protocol. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/hook/scheme.h"
#include "sallyport/limits.h"
#include "sallyport/proto/requests.h"

struct msg_hook { /* descriptors: the body as it came, a sealed memory file. Answered with MSG_HOOK_ANSWER */
    struct evidence evidence;  /* EVIDENCE_NONE: its address alone */
    char hook[NAME_MAX_BYTES]; /* which need not exist */
    char signature[HOOK_SIGNATURE_BYTES];
    char timestamp[HOOK_TIME_BYTES];
    char delivery[HOOK_DELIVERY_BYTES];
    struct span unsigned_parts; /* of what the hook reads, that which no signature covers; kept as a digest */
};

enum hook_wish { HOOK_WISH_NONE, HOOK_RUN, HOOK_IGNORE, HOOK_WISH_COUNT };

struct msg_hook_run { /* what the front read in a body that was proven; answered with MSG_HOOK_ANSWER */
    struct evidence evidence;
    struct job_id ticket;          /* once, for this delivery */
    uint8_t wish;                  /* enum hook_wish */
    char event[NAME_MAX_BYTES];    /* as the provider calls it; "" */
    char reason[REASON_MAX_BYTES]; /* HOOK_IGNORE: why */
    struct span params;            /* HOOK_RUN: entries, of parameters that deliveries say and no others */
    uint32_t generation;           /* of the settings that it was read by */
};

struct msg_hook_answer {
    struct job_id ticket; /* to MSG_HOOK: it is genuine, and was not there before; else all zero */
    struct job_id job_id; /* what it started, now or when it came first; all zero: nothing */
};

enum hook_fate { HOOK_FATE_NONE, HOOK_ACCEPTED, HOOK_IGNORED, HOOK_REFUSED, HOOK_FATE_COUNT };

struct msg_list_hook_deliveries {
    struct evidence evidence;
    char hook[NAME_MAX_BYTES];
    bool has_before;
    struct job_id before; /* the page behind this one */
    uint32_t limit;
};

struct msg_hook_delivery { /* answers MSG_LIST_HOOK_DELIVERIES, one for each, the newest first; then MSG_JOBS_END */
    struct job_id delivery_id;
    uint8_t fate; /* enum hook_fate */
    char delivery[HOOK_DELIVERY_BYTES];
    char event[NAME_MAX_BYTES];
    char address[ADDRESS_MAX_BYTES];
    char detail[REASON_MAX_BYTES];
    struct job_id job_id;
    uint64_t bytes, created_unix_ms, seen_unix_ms; /* seen: the last time */
    uint32_t count;                                /* how often it came */
};

struct msg_hook_redeliver { /* answered with MSG_SUBMITTED */
    struct evidence evidence;
    char hook[NAME_MAX_BYTES];
    struct job_id delivery_id;
};

struct msg_hook_info { /* answers MSG_LIST_HOOKS (struct msg_whoami), one for each; then MSG_JOBS_END */
    char hook[NAME_MAX_BYTES], command[NAME_MAX_BYTES], preset[NAME_MAX_BYTES];
    uint32_t secret_count;
    uint64_t last_unix_ms; /* when a genuine one came last that is still in the log; 0: none */
};
