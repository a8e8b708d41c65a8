/*
 * What the launcher honours, and when. Every order is the claim of a keeper that may be lost; a row that is missing is an
 * order that is refused, and whoever sends one is no keeper of ours.
 */
#include "launcher.h"

#include <assert.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/job/job.h"

static bool answer_launch(struct launcher *launcher, struct message *message)
{
    const struct msg_launch *order = &message->body.launch;
    unsigned files_at = order->has_stdin ? 1 : 0;
    if (message->fd_count != files_at + (order->has_files ? 1u : 0u))
        return false;
    auto_fd int stdin_fd = order->has_stdin ? fd_take(&message->fds[0]) : -1;
    auto_fd int files_fd = order->has_files ? fd_take(&message->fds[files_at]) : -1;
    launch_job(launcher, order, message->request_id, stdin_fd, files_fd);
    return true;
}

static bool answer_stop(struct launcher *launcher, struct message *message)
{
    const struct msg_stop *order = &message->body.stop;
    if (order->reason != JOB_REASON_CANCELLED && order->reason != JOB_REASON_OUTPUT_LIMIT)
        return false;
    struct slot *slot = slot_of_job(launcher, &order->job_id);
    if (slot == NULL || slot->run.has_ended || slot->run.is_reported)
        return true; /* its end is on the way, or the keeper has it */
    if (order->reason == JOB_REASON_CANCELLED)
        slot->run.was_cancelled = true;
    else
        slot->run.was_output_limited = true;
    run_stop(slot, order->has_grace ? order->grace_ms : slot->run.grace_ms);
    return true;
}

static bool answer_signal_job(struct launcher *launcher, struct message *message)
{
    const struct msg_signal_job *order = &message->body.signal_job;
    struct slot *slot = slot_of_job(launcher, &order->job_id);
    if (slot == NULL || !slot->run.has_started || slot->run.has_ended)
        return true;
    if (order->signal == 0 || (slot->run.signals & 1ull << (order->signal - 1)) == 0) {
        keeper_doubt(launcher, "job=%s: signal %u, which the command does not allow", slot->run.id_text, order->signal);
        return true;
    }
    supervisor_signal(slot, order->signal);
    return true;
}

static bool answer_stdin_end(struct launcher *launcher, struct message *message)
{
    struct slot *slot = slot_of_job(launcher, &message->body.job_only.job_id);
    if (slot != NULL)
        run_end_stdin(&slot->run);
    return true; /* or the job was faster, or the keeper says it again */
}

static bool answer_exited_seen(struct launcher *launcher, struct message *message)
{
    struct slot *slot = slot_of_job(launcher, &message->body.job_only.job_id);
    if (slot == NULL)
        return true; /* a launch that failed before it had a slot */
    if (!slot->run.is_reported)
        return false;
    slot->run.is_seen = true;
    if (slot->state == SLOT_ENDED)
        slot_release(slot);
    return true;
}

static const struct answer {
    bool (*run)(struct launcher *launcher, struct message *message);
    unsigned phases;
} answers[MSG_COUNT] = {
    [MSG_LAUNCH] = { answer_launch, PHASE_SERVING | PHASE_STOPPING }, /* while stopping it answers "busy" */
    [MSG_STOP] = { answer_stop, PHASE_SERVING | PHASE_STOPPING },
    [MSG_SIGNAL_JOB] = { answer_signal_job, PHASE_SERVING | PHASE_STOPPING },
    [MSG_STDIN_END] = { answer_stdin_end, PHASE_SERVING | PHASE_STOPPING },
    [MSG_EXITED_SEEN] = { answer_exited_seen, PHASE_SERVING | PHASE_STOPPING },
};

void launcher_take(struct launcher *launcher, struct message *message)
{
    assert(message->type < MSG_COUNT); /* the codec let nothing else through */
    const struct answer *answer = &answers[message->type];
    /* An order before the greeting would be answered by nothing: the keeper may not have heard of its jobs yet. */
    bool is_honoured = answer->run != NULL && (answer->phases & launcher->phase) != 0 && launcher->is_keeper_greeted;
    if (!is_honoured || !answer->run(launcher, message)) {
        log_error("keeper: it sent '%s' against the rules; it is dropped, waiting for a new one",
                  message_defs[message->type].name);
        keeper_drop(launcher);
    }
}
