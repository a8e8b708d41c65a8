/* What the keeper has the notifier send, how that went, and what the front may know of it; messages.h has the whole protocol. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/limits.h"
#include "sallyport/proto/requests.h"

struct msg_deliver {           /* one POST, made once; descriptors: its body, a sealed memory file */
    struct job_id delivery_id; /* of this attempt: answers name it, and no two that are under way are the same */
    char url[URL_MAX_BYTES];
    struct span fields;    /* entries of ENTRY_FIELD: signature and all, ready to be sent */
    struct span allow_net; /* packed networks (network.h) that it may reach; none: what is public */
    uint32_t connect_timeout_ms, timeout_ms;
    bool allows_plain; /* http:// will do */
};

/* How an attempt went. Only OUTCOME_ANSWERED has a status; whether that one is good is the keeper's to say. */
enum outcome {
    OUTCOME_NONE,
    OUTCOME_ANSWERED,
    OUTCOME_DNS,             /* the host's name could not be turned into an address */
    OUTCOME_NETWORK_REFUSED, /* all of its addresses lie where the callback may not reach */
    OUTCOME_CONNECT,
    OUTCOME_TLS, /* no encryption, or a certificate that is not good for the host */
    OUTCOME_TIMEOUT,
    OUTCOME_PROTOCOL,  /* the connection broke, or what came was no answer of HTTP */
    OUTCOME_TOO_LARGE, /* the head of the answer was */
    OUTCOME_BUSY,      /* CALLBACKS_AT_ONCE are under way, or we are about to end: nothing was sent */
    OUTCOME_INVALID,   /* an order that cannot be carried out as it stands: nothing was sent */
    OUTCOME_INTERNAL,  /* memory or descriptors ran out */
    OUTCOME_COUNT
};

struct msg_delivered { /* once for each MSG_DELIVER, unless the notifier dies: then the keeper asks again */
    struct job_id delivery_id;
    uint8_t outcome;
    uint32_t status; /* of HTTP, when answered; a redirect is a status like others */
    bool has_retry_after;
    uint32_t retry_after_s;
    uint32_t duration_ms;
    char address[ADDRESS_MAX_BYTES]; /* that was connected to, or tried last; "" before there was one */
    char detail[REASON_MAX_BYTES];   /* for people; printable ASCII, partly of the other side's making */
};

/* --- front <-> keeper -------------------------------------------------------------------------------------------- */

struct msg_list_callbacks {
    struct evidence evidence;
    char target[NAME_MAX_BYTES]; /* "": any */
    uint8_t state;               /* enum delivery_state; 0: any */
    struct job_id job_id;        /* all zero: any */
    bool has_before;
    struct job_id before; /* the page behind this one */
    uint32_t limit;
};

struct msg_redeliver { /* answered with MSG_CALLBACK */
    struct evidence evidence;
    struct job_id delivery_id;
};

struct msg_callback { /* answers MSG_LIST_CALLBACKS, one for each, with its attempts behind it; then MSG_JOBS_END */
    struct job_id delivery_id, job_id;
    char command[NAME_MAX_BYTES];
    uint8_t event; /* enum callback_event */
    char target[NAME_MAX_BYTES];
    uint8_t state; /* enum delivery_state */
    uint32_t attempts;
    uint64_t created_unix_ms, due_unix_ms, ended_unix_ms; /* 0: not */
    char detail[REASON_MAX_BYTES];
};

struct msg_attempt {
    uint32_t number;
    uint64_t unix_ms;
    uint8_t outcome; /* enum outcome */
    uint32_t status, duration_ms;
    char detail[REASON_MAX_BYTES];
};
