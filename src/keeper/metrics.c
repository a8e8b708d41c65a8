#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "launcher_answer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

int metrics_init(struct keeper *keeper, struct error *err)
{
    (void)err;
    text_copy(keeper->metrics.other.command, sizeof keeper->metrics.other.command, METRICS_OTHER);
    metrics_note_reload(keeper, true); /* what we were started with */
    return 0;
}

void metrics_done(struct keeper *keeper)
{
    free(keeper->metrics.commands);
    keeper->metrics.commands = NULL;
    keeper->metrics.command_count = keeper->metrics.command_room = 0;
}

/* A fresh row. Without memory for one the job is counted among the others: that is no reason to fail. */
static struct metric_command *row_add(struct metrics *metrics, const char *command)
{
    if (metrics->command_count == METRICS_COMMANDS_MAX)
        return &metrics->other;
    if (metrics->command_count == metrics->command_room) {
        uint32_t room = metrics->command_room == 0 ? 16 : 2 * metrics->command_room;
        struct metric_command *larger = realloc(metrics->commands, room * sizeof *larger);
        if (larger == NULL)
            return &metrics->other;
        metrics->commands = larger;
        metrics->command_room = room;
    }
    struct metric_command *row = &metrics->commands[metrics->command_count++];
    *row = (struct metric_command){ 0 };
    text_copy(row->command, sizeof row->command, command);
    return row;
}

static struct metric_command *row_of(struct metrics *metrics, const char *command)
{
    for (uint32_t i = 0; i < metrics->command_count; i++)
        if (strcmp(metrics->commands[i].command, command) == 0)
            return &metrics->commands[i];
    return row_add(metrics, command);
}

/* Wall clocks can be set back. */
static uint64_t since_us(uint64_t from_unix_ms, uint64_t to_unix_ms)
{
    return to_unix_ms > from_unix_ms ? (to_unix_ms - from_unix_ms) * 1000 : 0;
}

void metrics_note_stored(struct keeper *keeper, struct job *job, bool has_ended)
{
    const struct job_record *record = &job->record;
    bool has_started = record->started_unix_ms != 0;
    if (has_started && !job->is_start_counted) {
        job->is_start_counted = true;
        histogram_add(&row_of(&keeper->metrics, record->command)->queue, metric_job_bounds_us,
                      since_us(record->created_unix_ms, record->started_unix_ms));
    }
    if (!has_ended)
        return;
    struct metric_command *row = row_of(&keeper->metrics, record->command);
    row->ended[record->source][record->state - JOB_SUCCEEDED]++;
    if (has_started)
        histogram_add(&row->duration, metric_job_bounds_us, record->wall_us);
}

void metrics_note_auth_failure(struct keeper *keeper, enum auth_failure failure)
{
    keeper->metrics.auth_failures[failure]++;
}

void metrics_note_reload(struct keeper *keeper, bool has_succeeded)
{
    keeper->metrics.has_reload_succeeded = has_succeeded;
    if (has_succeeded)
        keeper->metrics.reload_succeeded_unix_ms = clock_unix_ms();
}

static int add(struct record_file *file, enum metric_type type, const void *record, struct error *err)
{
    return record_file_add(file, metric_defs, METRIC_COUNT, type, record, err);
}

static int write_keeper(const struct keeper *keeper, struct record_file *file, struct error *err)
{
    const struct metrics *metrics = &keeper->metrics;
    struct metric_keeper totals = {
        .running = keeper->queue.running,
        .queued = keeper->queue.waiting,
        .queue_oldest_ms = queue_oldest_ms(keeper),
        .output_bytes = metrics->output_bytes,
        .schedule_missed = keeper->alarms.missed,
        .callback_backlog = deliveries_backlog(keeper),
        .store_bytes = retention_stored_bytes(keeper),
        .store_free_bytes = keeper->sweep.disk_free_bytes,
        .is_launcher_up = launcher_is_up(keeper),
        .has_reload_succeeded = metrics->has_reload_succeeded,
        .reload_succeeded_unix_ms = metrics->reload_succeeded_unix_ms,
    };
    memcpy(totals.auth_failures, metrics->auth_failures, sizeof totals.auth_failures);
    return add(file, METRIC_KEEPER, &totals, err);
}

/* Listed commands without a row are told as zeros: who asks for a rate wants to see the first end, too. */
static int write_unused(const struct keeper *keeper, const bool *has_row, struct record_file *file, struct error *err)
{
    const struct policy *policy = keeper->rules.policy;
    int done = 0;
    for (uint32_t i = 0; i < policy->command_count && done == 0; i++) {
        struct metric_command unused = { 0 };
        text_copy(unused.command, sizeof unused.command, policy->commands[i].name);
        if (!has_row[i])
            done = add(file, METRIC_COMMAND, &unused, err);
    }
    return done;
}

static bool is_used(const struct metric_command *row)
{
    bool has_ends = false;
    for (unsigned source = 0; source < JOB_SOURCE_COUNT; source++)
        for (unsigned i = 0; i < METRIC_END_COUNT; i++)
            has_ends |= row->ended[source][i] > 0;
    return has_ends || histogram_count(&row->queue) > 0;
}

static int write_commands(const struct keeper *keeper, struct record_file *file, struct error *err)
{
    bool has_row[COMMAND_COUNT_MAX] = { false };
    const struct metrics *metrics = &keeper->metrics;
    int done = 0;
    for (uint32_t i = 0; i < metrics->command_count && done == 0; i++) {
        int index = policy_find_command(keeper->rules.policy, metrics->commands[i].command);
        if (index >= 0)
            has_row[index] = true;
        done = add(file, METRIC_COMMAND, &metrics->commands[i], err);
    }
    if (done == 0)
        done = write_unused(keeper, has_row, file, err);
    if (done == 0 && is_used(&metrics->other))
        done = add(file, METRIC_COMMAND, &metrics->other, err);
    return done;
}

static int write_tokens(const struct keeper *keeper, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < keeper->rules.caller_count && done == 0; i++) {
        const struct caller *caller = &keeper->rules.callers[i];
        if (caller->kind != IDENTITY_TOKEN || caller->expires_unix_ms == 0)
            continue;
        struct metric_token token = { .expires_unix_ms = caller->expires_unix_ms };
        text_copy(token.token, sizeof token.token, caller->name);
        done = add(file, METRIC_TOKEN, &token, err);
    }
    return done;
}

static int write_callbacks(const struct keeper *keeper, struct record_file *file, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < keeper->rules.callback_count && done == 0; i++) {
        struct metric_callback callback = { 0 };
        text_copy(callback.target, sizeof callback.target, keeper->rules.callbacks[i].name);
        deliveries_count(keeper, &callback);
        done = add(file, METRIC_CALLBACK, &callback, err);
    }
    return done;
}

static int write_hooks(const struct keeper *keeper, struct record_file *file, struct error *err)
{
    const struct hooks *hooks = &keeper->hooks;
    int done = 0;
    for (uint32_t i = 0; i < hooks->count_rows && done == 0; i++)
        done = add(file, METRIC_HOOK, &hooks->counts[i], err);
    if (done == 0 && hooks->others.results[HOOK_RESULT_FORGED] > 0)
        done = add(file, METRIC_HOOK, &hooks->others, err);
    return done;
}

int metrics_write(const struct keeper *keeper, int *ret_fd, struct error *err)
{
    struct record_file file = { 0 };
    int done = write_keeper(keeper, &file, err);
    if (done == 0)
        done = write_commands(keeper, &file, err);
    if (done == 0)
        done = write_tokens(keeper, &file, err);
    if (done == 0)
        done = write_callbacks(keeper, &file, err);
    if (done == 0)
        done = write_hooks(keeper, &file, err);
    if (done == 0)
        done = memfd_sealed("sallyport-metrics", file.data, file.size, false, ret_fd, err);
    record_file_done(&file);
    return done;
}

/* Without a caller only where the owner opened a listener for that (keeper_answer.c). */
void answer_read_metrics(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct error err = { 0 };
    auto_fd int fd = -1;
    (void)message;
    if (request->who != NULL && !may_read_metrics(request->who))
        request_refuse(keeper, request, &(struct refusal){ .status = 403, .code = "forbidden" },
                       "metrics need the scope metrics");
    else if (metrics_write(keeper, &fd, &err) < 0)
        request_fail(keeper, request, &err);
    else
        turn_send(keeper, &keeper->front, MSG_METRICS, request->id, &(struct msg_empty){ 0 }, &fd, 1);
}
