#include "sallyport/proto/metrics.h"

#include <assert.h>

static_assert(AUTH_FAILURE_COUNT == 10, "keeper_fields lists each");
static const struct field keeper_fields[] = {
    U64(struct metric_keeper, running),
    U64(struct metric_keeper, queued),
    U64(struct metric_keeper, queue_oldest_ms),
    U64(struct metric_keeper, output_bytes),
    U64(struct metric_keeper, store_bytes),
    U64(struct metric_keeper, store_free_bytes),
    U64(struct metric_keeper, schedule_missed),
    U64(struct metric_keeper, callback_backlog),
    U64(struct metric_keeper, auth_failures[0]),
    U64(struct metric_keeper, auth_failures[1]),
    U64(struct metric_keeper, auth_failures[2]),
    U64(struct metric_keeper, auth_failures[3]),
    U64(struct metric_keeper, auth_failures[4]),
    U64(struct metric_keeper, auth_failures[5]),
    U64(struct metric_keeper, auth_failures[6]),
    U64(struct metric_keeper, auth_failures[7]),
    U64(struct metric_keeper, auth_failures[8]),
    U64(struct metric_keeper, auth_failures[9]),
    BOOL(struct metric_keeper, is_launcher_up),
    BOOL(struct metric_keeper, has_reload_succeeded),
    U64(struct metric_keeper, reload_succeeded_unix_ms),
};

static_assert(HISTOGRAM_BOUNDS == 12, "HISTOGRAM lists each range");
#define HISTOGRAM(type, member)                                                                                        \
    U64(type, member.counts[0]), U64(type, member.counts[1]), U64(type, member.counts[2]),                             \
        U64(type, member.counts[3]), U64(type, member.counts[4]), U64(type, member.counts[5]),                         \
        U64(type, member.counts[6]), U64(type, member.counts[7]), U64(type, member.counts[8]),                         \
        U64(type, member.counts[9]), U64(type, member.counts[10]), U64(type, member.counts[11]),                       \
        U64(type, member.counts[12]), U64(type, member.sum_us)

static_assert(METRIC_END_COUNT == 7 && JOB_SOURCE_COUNT == 6, "command_fields lists each");
#define ENDS(type, source)                                                                                             \
    U64(type, ended[source][0]), U64(type, ended[source][1]), U64(type, ended[source][2]),                             \
        U64(type, ended[source][3]), U64(type, ended[source][4]), U64(type, ended[source][5]),                         \
        U64(type, ended[source][6])

static const struct field command_fields[] = {
    TEXT(struct metric_command, command),
    ENDS(struct metric_command, JOB_SOURCE_API),
    ENDS(struct metric_command, JOB_SOURCE_SCHEDULE),
    ENDS(struct metric_command, JOB_SOURCE_CHAIN),
    ENDS(struct metric_command, JOB_SOURCE_STEP),
    ENDS(struct metric_command, JOB_SOURCE_ROUTE),
    ENDS(struct metric_command, JOB_SOURCE_HOOK),
    HISTOGRAM(struct metric_command, duration),
    HISTOGRAM(struct metric_command, queue),
};

static const struct field token_fields[] = {
    TEXT(struct metric_token, token),
    U64(struct metric_token, expires_unix_ms),
};

static_assert(CALLBACK_RESULT_COUNT == 4, "callback_fields lists each");
static const struct field callback_fields[] = {
    TEXT(struct metric_callback, target),     U64(struct metric_callback, attempts[0]),
    U64(struct metric_callback, attempts[1]), U64(struct metric_callback, attempts[2]),
    U64(struct metric_callback, attempts[3]), U64(struct metric_callback, overflows),
};

static_assert(HOOK_RESULT_COUNT == 8, "hook_fields lists each");
static const struct field hook_fields[] = {
    TEXT(struct metric_hook, hook),      U64(struct metric_hook, results[0]), U64(struct metric_hook, results[1]),
    U64(struct metric_hook, results[2]), U64(struct metric_hook, results[3]), U64(struct metric_hook, results[4]),
    U64(struct metric_hook, results[5]), U64(struct metric_hook, results[6]), U64(struct metric_hook, results[7]),
};

const struct record_def metric_defs[METRIC_COUNT] = {
    [METRIC_KEEPER] = RECORD("keeper", struct metric_keeper, keeper_fields),
    [METRIC_COMMAND] = RECORD("command", struct metric_command, command_fields),
    [METRIC_TOKEN] = RECORD("token", struct metric_token, token_fields),
    [METRIC_CALLBACK] = RECORD("callback", struct metric_callback, callback_fields),
    [METRIC_HOOK] = RECORD("hook", struct metric_hook, hook_fields),
};

#define MS   1000ull
#define S    (1000 * MS)
#define HOUR (3600 * S)
histogram_bounds_us metric_job_bounds_us = {
    10 * MS, 50 * MS, 100 * MS, 500 * MS, S, 5 * S, 15 * S, 60 * S, 300 * S, 900 * S, HOUR, 4 * HOUR,
};
