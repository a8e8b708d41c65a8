/* From the queue to `starting`. */
#include <errno.h>

#include "job_life.h"
#include "keeper.h"
#include "launcher_answer.h"
#include "output.h"
#include "sequence.h"
#include "stdin_ready.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

#define DISK_PAUSE_MS 1000

static void reject(struct keeper *keeper, struct job *job, const char *why)
{
    job_end_by_keeper(keeper, job, JOB_REASON_REJECTED, why);
}

static const char *why_lost(const struct job *job)
{
    if (job->record.is_metadata_only)
        return "rejected: its parameters were lost when the service restarted, because its command keeps metadata "
               "only; "
               "submit it again";
    return "rejected: its secret parameters were lost when the service restarted, because they are never stored; "
           "submit it again";
}

/* The rules may have changed since it was accepted, and secrets do not outlive a keeper. */
static const char *why_not(struct keeper *keeper, const struct job *job, int command)
{
    struct span params, labels;
    struct error err = { 0 };
    if (job->record.has_secrets && job->secret_params == NULL)
        return why_lost(job);
    if (job->secret_params != NULL)
        params = (struct span){ job->secret_params, job->secret_params_bytes };
    else if (store_job_input(keeper->store, &job->record.id, &params, &labels, &err) <= 0)
        return "rejected: its parameters cannot be read from the database";
    if (matcher_check(keeper->rules.matcher, (uint32_t)command, params, NULL, &err) < 0)
        return "rejected: its parameters do not fit the command's definition any more, which has changed since";
    const struct command *now = &keeper->rules.policy->commands[command];
    bool is_stream = now->stdin_kind == STDIN_STREAM;
    if (is_stream != job->record.is_stdin_stream || (job->record.has_stdin && now->stdin_kind == STDIN_NONE))
        return "rejected: its standard input does not fit the command's definition any more, which has changed since";
    return NULL;
}

enum start { START_NEXT, START_NO_MORE_OF_ITS_KIND, START_NOTHING };

/* What may be tried after it. */
static enum start start(struct keeper *keeper, struct job *job)
{
    if (job->record.step_count > 0) {
        queue_start(keeper, job);
        sequence_start(keeper, job);
        return START_NEXT;
    }
    int index = policy_find_command(keeper->rules.policy, job->record.command);
    if (index < 0) {
        reject(keeper, job, "rejected: the configuration does not list its command any more");
        return START_NEXT;
    }
    const char *why = why_not(keeper, job, index);
    if (why != NULL) {
        reject(keeper, job, why);
        return START_NEXT;
    }
    if (!stdin_is_ready(keeper, job))
        return START_NO_MORE_OF_ITS_KIND; /* the order of acceptance stays */
    const struct command *command = &keeper->rules.policy->commands[index];
    struct error err = { 0 };
    job->record.output_max_bytes = command->output_max_bytes;
    job->record.output_when_full = command->output_when_full;
    if (job->output == NULL && output_open(keeper, job, &job->output, &err) < 0) {
        log_error("no job is started: its output could not be kept (%s); trying again", err.text);
        queue_pause(keeper, DISK_PAUSE_MS);
        return START_NOTHING;
    }
    if (job->record.timeout_ms == 0 || job->record.timeout_ms > command->timeout_ms)
        job->record.timeout_ms = command->timeout_ms;
    queue_start(keeper, job);
    job_change(keeper, job, JOB_ADMIT);
    return START_NEXT;
}

static bool comes_before(const struct lane *left, const struct lane *right)
{
    const struct order *a = &left->place.order, *b = &right->place.order;
    return a->major != b->major ? a->major < b->major : a->minor < b->minor;
}

/* The first of all kinds that have a slot: what the service has room for is not the first kind's alone. */
static struct lane *next_lane(const struct keeper *keeper)
{
    const struct queue *queue = &keeper->queue;
    uint32_t most = keeper->rules.settings.quota.running;
    struct lane *next = NULL;
    if (most != 0 && queue->running >= most)
        return NULL;
    for (const struct slot_kind *kind = queue->kinds; kind != NULL; kind = kind->next) {
        struct lane *lane = kind->used < kind->slots && !kind->is_held_up ? ranking_first(&kind->ready) : NULL;
        if (lane != NULL && (next == NULL || comes_before(lane, next)))
            next = lane;
    }
    return next;
}

/* False: nothing more for now. */
static bool start_first(struct keeper *keeper, struct lane *lane)
{
    struct job *job = ranking_first(&lane->waiting);
    struct slot_kind *kind = lane->kind;
    if (share_is_full(job->share)) {
        lane_settle(keeper, lane); /* its caller has begun something else meanwhile */
        return true;
    }
    enum start next = start(keeper, job);
    if (next == START_NO_MORE_OF_ITS_KIND)
        kind->is_held_up = true;
    return next != START_NOTHING && (next != START_NEXT || !job->is_queued);
}

static void start_all(struct keeper *keeper)
{
    struct lane *lane;
    for (struct slot_kind *kind = keeper->queue.kinds; kind != NULL; kind = kind->next)
        kind->is_held_up = false;
    while ((lane = next_lane(keeper)) != NULL && start_first(keeper, lane))
        ;
}

void queue_start_next(struct keeper *keeper)
{
    struct queue *queue = &keeper->queue;
    if (queue->is_starting)
        return; /* an end in here may bring a submit: what that makes possible is the next turn's */
    queue->is_starting = true;
    overdue_end(keeper);
    if (!keeper->shutdown.is_on && !keeper->drain.is_on && launcher_is_up(keeper) &&
        clock_monotonic_ms() >= queue->not_before_ms)
        start_all(keeper);
    queue->is_starting = false;
}
