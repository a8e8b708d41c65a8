#include "launcher_answer.h"

#include <errno.h>

#include "job_life.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "launcher_ask.h"
#include "output.h"
#include "recover.h"
#include "stdin_stream.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define BUSY_PAUSE_MS    250
#define NO_ROOM_PAUSE_MS 5000 /* each try writes two entries of the audit trail */

bool launcher_is_up(const struct keeper *keeper)
{
    return keeper->launcher.is_connected && !keeper->launcher.is_lost && keeper->has_hello && keeper->held_left == 0;
}

void launcher_is_gone(struct keeper *keeper)
{
    keeper->has_hello = false;
    keeper->held_left = 0;
    front_tell_status(keeper);
}

static void take_hello(struct keeper *keeper, struct message *message)
{
    const struct msg_hello *hello = &message->body.hello;
    if (keeper->has_hello || hello->incarnation == 0) {
        peer_break(&keeper->launcher, "a hello out of order");
        return;
    }
    keeper->has_hello = true;
    keeper->held_left = hello->held;
    recover_hello(keeper, hello->incarnation);
    if (keeper->held_left == 0)
        recover_unheard(keeper);
}

/* A job that the launcher holds was named. */
static void count_held(struct keeper *keeper)
{
    if (keeper->held_left == 0)
        return;
    keeper->held_left--;
    if (keeper->held_left == 0)
        recover_unheard(keeper);
}

/* A job that we know to have ended, or do not know at all, has nothing to run for. */
static void stop_stranger(struct keeper *keeper, const struct job_id *id)
{
    char text[JOB_ID_TEXT_BYTES];
    struct msg_stop stop = { .job_id = *id, .reason = JOB_REASON_CANCELLED, .has_grace = true };
    log_warn("job=%s runs, but its record has ended or is not there; stopping it", job_id_text(id, text));
    peer_send(&keeper->launcher, MSG_STOP, 0, &stop, NULL, 0);
}

static void follow_output(struct keeper *keeper, struct job *job, struct message *message)
{
    struct error err = { 0 };
    if (job->output != NULL && job->output->is_attached)
        return; /* our own ends are as good as the fresh ones, which the message closes */
    int done = 0;
    if (job->output == NULL) /* after our restart */
        done = output_open(keeper, job, &job->output, &err);
    if (done == 0) {
        int stdout_fd = fd_take(&message->fds[0]), stderr_fd = fd_take(&message->fds[1]);
        done = output_attach(job->output, stdout_fd, stderr_fd, &err);
    }
    if (done == 0 && message->body.launched.has_artifacts)
        done = output_attach_artifacts(job->output, fd_take(&message->fds[message->fd_count - 1]),
                                       message->body.launched.artifacts_max_bytes, &err);
    if (done < 0) {
        log_error("the output of a job of '%s' cannot be kept (%s); stopping it", job->record.command, err.text);
        job_stop(keeper, job, JOB_REASON_CANCELLED, "output failure", false, 0);
    }
}

/* False: what came is no stream of this job's, and who sent it is let go. */
static bool follow_stdin(struct keeper *keeper, struct job *job, struct message *message)
{
    struct error err = { 0 };
    if (!message->body.launched.has_stdin_stream)
        return true; /* it has none, or it has ended */
    int done = job->record.is_stdin_stream ? stdin_stream_attach(keeper, job, &message->fds[2], &message->fds[3], &err)
                                           : fail_plain(&err, EPROTO, "a stream of input that is none of this job's");
    if (done == -ENOMEM) {
        log_error("a job of '%s' cannot be given its input (%s); stopping it", job->record.command, err.text);
        job_stop(keeper, job, JOB_REASON_CANCELLED, "input failure", false, 0);
    } else if (done < 0) {
        peer_break(&keeper->launcher, err.text);
        return false;
    }
    return true;
}

/* Whether the launcher has business with this job: it was ordered, or is known to one of us from before a restart. */
static bool was_ordered(const struct job *job)
{
    return job->was_ordered || job->is_unheard;
}

/* Launched as ordered, or named by a launcher that has it from before our restart. */
static bool start_following(struct keeper *keeper, struct job *job, struct message *message)
{
    bool was_unheard = job->is_unheard;
    job->is_unheard = false;
    job->was_ordered = true;
    if (job->record.state != JOB_RUNNING) {
        job->record.degraded = message->body.launched.degraded;
        job->record.started_unix_ms = message->body.launched.started_unix_ms;
        job_change(keeper, job, JOB_LAUNCHED);
    }
    follow_output(keeper, job, message);
    if (!follow_stdin(keeper, job, message))
        return false;
    if (job->record.state == JOB_STOPPING && was_unheard)
        job->must_stop = true; /* it may not have heard; said again after the list */
    return true;
}

static void take_launched(struct keeper *keeper, struct message *message)
{
    const struct job_id *id = &message->body.launched.job_id;
    struct job *job = job_find(keeper, id);
    const struct msg_launched *launched = &message->body.launched;
    if (message->fd_count != 2u + (launched->has_stdin_stream ? 2u : 0u) + (launched->has_artifacts ? 1u : 0u)) {
        peer_break(&keeper->launcher, "descriptors that its message does not speak of");
        return;
    }
    if (job == NULL || job->is_over || job_has_ended(job->record.state)) {
        stop_stranger(keeper, id);
    } else if (job->exited != NULL) {
        job->is_unheard = false; /* its end was told before; only its last output is missing */
    } else if (was_ordered(job) && job->record.state != JOB_QUEUED &&
               (job->record.state != JOB_RUNNING || job->is_unheard)) {
        if (!start_following(keeper, job, message))
            return;
    } else {
        peer_break(&keeper->launcher, "a job was launched that nobody ordered");
        return;
    }
    count_held(keeper);
}

static void take_not_launched(struct keeper *keeper, struct message *message)
{
    const struct msg_not_launched *refused = &message->body.not_launched;
    struct job *job = job_find(keeper, &refused->job_id);
    if (job == NULL || !job->was_ordered || refused->why == NOT_LAUNCHED_NONE ||
        (job->record.state != JOB_STARTING && job->record.state != JOB_STOPPING)) {
        peer_break(&keeper->launcher, "a refusal of what nobody ordered");
        return;
    }
    job->was_ordered = false;
    if (job->record.state == JOB_STOPPING) {
        job_end_by_keeper(keeper, job, JOB_REASON_CANCELLED, "");
    } else if (refused->why == NOT_LAUNCHED_INVALID) {
        job_end_by_keeper(keeper, job, JOB_REASON_REJECTED, refused->detail);
    } else {
        log_info("a job of '%s' waits again: %s", job->record.command, refused->detail);
        job_change(keeper, job, JOB_REQUEUE);
        queue_pause(keeper, refused->why == NOT_LAUNCHED_NO_ROOM ? NO_ROOM_PAUSE_MS : BUSY_PAUSE_MS);
    }
}

static bool is_evidence(const struct msg_exited *exited)
{
    return exited->reason != JOB_REASON_NONE && exited->reason != JOB_REASON_REJECTED;
}

static void take_exited(struct keeper *keeper, struct message *message)
{
    const struct msg_exited *exited = &message->body.exited;
    struct job *job = job_find(keeper, &exited->job_id);
    if (job == NULL || job->is_over) {
        /* Recorded before, and our word was lost with one of us. */
        ask_exited_seen(keeper, &exited->job_id);
    } else if (!is_evidence(exited) || (!was_ordered(job) && job->exited == NULL)) {
        peer_break(&keeper->launcher, "an end that cannot be");
        return;
    } else {
        job->is_unheard = false;
        job->is_exit_reported = true;
        if (job_has_ended(job->record.state))
            job->due |= DUE_SEEN;
        job_end(keeper, job, exited);
    }
    count_held(keeper);
}

static void (*const answers[MSG_COUNT])(struct keeper *keeper, struct message *message) = {
    [MSG_HELLO] = take_hello,
    [MSG_LAUNCHED] = take_launched,
    [MSG_NOT_LAUNCHED] = take_not_launched,
    [MSG_EXITED] = take_exited,
};

void launcher_take(struct keeper *keeper, struct message *message)
{
    if (answers[message->type] == NULL || (message->type != MSG_HELLO && !keeper->has_hello)) {
        peer_break(&keeper->launcher, "a message that it may not send");
        return;
    }
    answers[message->type](keeper, message);
    turn_schedule(keeper);
}
