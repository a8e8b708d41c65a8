/*
 * What the keeper has counted, for GET /metrics: a sealed file of these records, handed to the front with MSG_METRICS. One
 * of the keeper, then one for each command that anything is known of, one for each token that expires, and one for each
 * callback. The front makes text of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/histogram.h"
#include "sallyport/base/record.h"
#include "sallyport/job/job.h"
#include "sallyport/limits.h"

/*
 * Commands that were ever counted since the keeper's start, gone ones too: what comes when the table is full is counted
 * under METRICS_OTHER, which is no command's name.
 */
#define METRICS_COMMANDS_MAX (2 * COMMAND_COUNT_MAX)
#define METRICS_OTHER        "_other"

/* Above the largest that there can be: METRICS_COMMANDS_MAX and TOKEN_COUNT_MAX records of a few hundred bytes. */
#define METRICS_FILE_MAX_BYTES (4 * 1024 * 1024)

enum metric_type {
    METRIC_NONE,
    METRIC_KEEPER,
    METRIC_COMMAND,
    METRIC_TOKEN,
    METRIC_CALLBACK,
    METRIC_HOOK,
    METRIC_COUNT,
};

/* Why a request had no caller that is known. */
enum auth_failure {
    AUTH_NONE_MISSING,   /* no credential at all */
    AUTH_BEARER_UNKNOWN, /* a token that nobody has */
    AUTH_BEARER_EXPIRED,
    AUTH_PEER_UNKNOWN, /* a uid that is not listed */
    AUTH_CERTIFICATE_UNKNOWN,
    AUTH_BEARER_ELSEWHERE, /* from an address that the token's `from` does not list */
    AUTH_BEARER_THROTTLED, /* not looked at: too many wrong ones came from there */
    AUTH_SESSION_UNKNOWN,  /* none of that cookie, or it has ended */
    AUTH_PASSWORD_WRONG,   /* at a login, or there is no such user */
    AUTH_PASSWORD_THROTTLED,
    AUTH_FAILURE_COUNT,
};

struct metric_keeper {
    uint64_t running, queued; /* jobs that have a slot; jobs that wait for one */
    uint64_t queue_oldest_ms; /* age of the oldest that waits */
    uint64_t output_bytes;    /* taken from jobs */
    uint64_t store_bytes;     /* what counts against store.budget */
    uint64_t store_free_bytes;
    uint64_t schedule_missed;  /* runs that were left out */
    uint64_t callback_backlog; /* what callbacks have yet to be told */
    uint64_t auth_failures[AUTH_FAILURE_COUNT];
    bool is_launcher_up;
    bool has_reload_succeeded;         /* the last one */
    uint64_t reload_succeeded_unix_ms; /* the last that did, or the start */
};

/* Ends by state: JOB_SUCCEEDED and what follows it. */
#define METRIC_END_COUNT (JOB_STATE_COUNT - JOB_SUCCEEDED)

struct metric_command {
    char command[NAME_MAX_BYTES];
    uint64_t ended[JOB_SOURCE_COUNT][METRIC_END_COUNT]; /* by how they came to be asked for */
    struct histogram duration, queue;
};

struct metric_token {
    char token[NAME_MAX_BYTES];
    uint64_t expires_unix_ms;
};

enum callback_result { CALLBACK_DELIVERED, CALLBACK_RETRIED, CALLBACK_REFUSED, CALLBACK_GONE, CALLBACK_RESULT_COUNT };

struct metric_callback {
    char target[NAME_MAX_BYTES];
    uint64_t attempts[CALLBACK_RESULT_COUNT];
    uint64_t overflows; /* what had no room among those that wait */
};

/* What came of a delivery of a webhook. */
enum hook_result {
    HOOK_RESULT_ACCEPTED,
    HOOK_RESULT_IGNORED,
    HOOK_RESULT_REFUSED,  /* genuine, and not what its command takes, or not now */
    HOOK_RESULT_AGAIN,    /* it was here before */
    HOOK_RESULT_REPLAYED, /* so was its body, under another name */
    HOOK_RESULT_STALE,
    HOOK_RESULT_FORGED, /* or without the form of a proof */
    HOOK_RESULT_FAILED, /* it could not be looked at, or not be noted */
    HOOK_RESULT_COUNT
};

struct metric_hook {
    char hook[NAME_MAX_BYTES]; /* METRICS_OTHER: a name that is no hook's */
    uint64_t results[HOOK_RESULT_COUNT];
};

union any_metric {
    struct metric_keeper keeper;
    struct metric_command command;
    struct metric_token token;
    struct metric_callback callback;
    struct metric_hook hook;
};

extern const struct record_def metric_defs[METRIC_COUNT];

/* The ranges of both histograms: from 10 ms to 4 h. */
extern histogram_bounds_us metric_job_bounds_us;
