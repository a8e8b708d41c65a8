#include "launcher_ask.h"

#include <errno.h>

#include "keeper.h"
#include "launcher_answer.h"
#include "stdin_file.h"
#include "stdin_stream.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

static int fill_launch(struct keeper *keeper, const struct job *job, struct msg_launch *launch, struct error *err)
{
    static uint8_t head[HASH_BYTES];
    int command = policy_find_command(keeper->rules.policy, job->record.command);
    if (command < 0)
        return fail_plain(err, ENOENT, "the command is gone");
    *launch = (struct msg_launch){ .job_id = job->record.id,
                                   .generation = keeper->rules.generation,
                                   .command = (uint32_t)command,
                                   .timeout_ms = job->record.timeout_ms,
                                   .source = job->record.source,
                                   .has_stdin = job->record.has_stdin,
                                   .has_files = job->record.has_files };
    text_copy(launch->actor, sizeof launch->actor, job->record.actor);
    audit_head(keeper->store, head);
    launch->audit_head = (struct span){ head, HASH_BYTES };
    if (job->secret_params != NULL) {
        launch->params = (struct span){ job->secret_params, job->secret_params_bytes };
        return 0;
    }
    struct span labels;
    int found = store_job_input(keeper->store, &job->record.id, &launch->params, &labels, err);
    return found > 0 ? 0 : found < 0 ? found : fail_plain(err, ENOENT, "the parameters are gone");
}

bool ask_launch(struct keeper *keeper, struct job *job)
{
    struct msg_launch launch = { 0 };
    struct error err = { 0 };
    if (!launcher_is_up(keeper) || job->record.incarnation != keeper->incarnation)
        return false;
    int done = fill_launch(keeper, job, &launch, &err);
    if (done < 0) {
        log_error("a job of '%s' cannot be launched: %s; it waits again", job->record.command, err.text);
        queue_pause(keeper, 1000);
        return false;
    }
    int fds[INPUT_COUNT];
    unsigned count = 0;
    if (launch.has_stdin)
        fds[count++] = job->record.is_stdin_stream ? job->stream->file_fd : job->stdin_fd;
    if (launch.has_files)
        fds[count++] = job->files_fd;
    job->was_ordered = peer_send(&keeper->launcher, MSG_LAUNCH, 0, &launch, fds, count);
    return job->was_ordered;
}

void ask_stop(struct keeper *keeper, struct job *job, enum job_reason reason)
{
    struct msg_stop stop = { .job_id = job->record.id,
                             .reason = (uint8_t)reason,
                             .has_grace = job->has_stop_grace,
                             .grace_ms = job->has_stop_grace ? job->stop_grace_ms : 0 };
    if (launcher_is_up(keeper))
        peer_send(&keeper->launcher, MSG_STOP, 0, &stop, NULL, 0);
}

void ask_signal(struct keeper *keeper, struct job *job, unsigned signal)
{
    struct msg_signal_job order = { .job_id = job->record.id, .signal = (uint8_t)signal };
    if (launcher_is_up(keeper))
        peer_send(&keeper->launcher, MSG_SIGNAL_JOB, 0, &order, NULL, 0);
}

void ask_stdin_end(struct keeper *keeper, const struct job_id *id)
{
    struct msg_job_only end = { .job_id = *id };
    if (launcher_is_up(keeper))
        peer_send(&keeper->launcher, MSG_STDIN_END, 0, &end, NULL, 0);
}

void ask_exited_seen(struct keeper *keeper, const struct job_id *id)
{
    struct msg_job_only seen = { .job_id = *id };
    peer_send(&keeper->launcher, MSG_EXITED_SEEN, 0, &seen, NULL, 0);
}
