/*
 * A request arrives with the evidence of whoever made it. First the evidence, then the right, then what is asked: a caller
 * without a credential learns nothing, and one without the right no more than that.
 */
#include "keeper_answer.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "authorize.h"
#include "call.h"
#include "keeper.h"
#include "last_uses.h"
#include "launcher_answer.h"
#include "sallyport/base/clock.h"

enum phase { PHASE_SERVING = 1, PHASE_STOPPING = 2, PHASE_BOTH = 3 };

void front_tell_status(struct keeper *keeper)
{
    struct msg_status status = { .is_launcher_up = launcher_is_up(keeper),
                                 .is_stopping = keeper->shutdown.is_on,
                                 .is_drained = keeper->drain.is_on,
                                 .generation = keeper->rules.generation };
    if (keeper->front.is_connected)
        peer_send(&keeper->front, MSG_STATUS, 0, &status, NULL, 0);
}

static const struct answer {
    void (*run)(struct keeper *keeper, const struct request *request, const struct message *message);
    unsigned phases;
} answers[MSG_COUNT] = {
    [MSG_WHOAMI] = { answer_whoami, PHASE_BOTH },
    [MSG_LIST_COMMANDS] = { answer_list_commands, PHASE_BOTH },
    [MSG_SUBMIT] = { answer_submit, PHASE_SERVING },
    [MSG_CALL] = { answer_submit, PHASE_SERVING },
    [MSG_READ_JOB] = { answer_read_job, PHASE_BOTH },
    [MSG_READ_OUTPUT] = { answer_read_output, PHASE_BOTH },
    [MSG_READ_ARTIFACTS] = { answer_read_artifacts, PHASE_BOTH },
    [MSG_LIST_JOBS] = { answer_list_jobs, PHASE_BOTH },
    [MSG_LIST_SCHEDULES] = { answer_list_schedules, PHASE_BOTH },
    [MSG_LIST_CALLERS] = { answer_list_callers, PHASE_BOTH },
    [MSG_LIST_STEPS] = { answer_list_steps, PHASE_BOTH },
    [MSG_CANCEL] = { answer_cancel, PHASE_BOTH },
    [MSG_SIGNAL] = { answer_signal, PHASE_BOTH },
    [MSG_STDIN] = { answer_stdin, PHASE_BOTH },
    [MSG_READ_METRICS] = { answer_read_metrics, PHASE_BOTH },
    [MSG_FOLLOW] = { answer_follow, PHASE_BOTH },
    [MSG_RELOAD] = { answer_reload, PHASE_SERVING },
    [MSG_DRAIN] = { answer_drain, PHASE_SERVING },
    [MSG_READ_DRAIN] = { answer_read_drain, PHASE_BOTH },
    [MSG_PAUSE] = { answer_pause, PHASE_BOTH },
    [MSG_LIST_CALLBACKS] = { answer_list_callbacks, PHASE_BOTH },
    [MSG_REDELIVER] = { answer_redeliver, PHASE_BOTH },
    [MSG_LOGIN] = { answer_login, PHASE_BOTH },
    [MSG_READ_SESSION] = { answer_read_session, PHASE_BOTH },
    [MSG_LOGOUT] = { answer_logout, PHASE_BOTH },
    [MSG_LIST_HOOKS] = { answer_list_hooks, PHASE_BOTH },
    [MSG_LIST_HOOK_DELIVERIES] = { answer_list_hook_deliveries, PHASE_BOTH },
    [MSG_HOOK_REDELIVER] = { answer_hook_redeliver, PHASE_SERVING },
    [MSG_LIST_FUNCTIONS] = { answer_list_functions, PHASE_BOTH },
    [MSG_CHANGE_FUNCTIONS] = { answer_change_functions, PHASE_SERVING },
};

/* Every request begins with its evidence, so that nobody can forget to look at it. */
static_assert(offsetof(struct msg_whoami, evidence) == 0 && offsetof(struct msg_submit, evidence) == 0 &&
                  offsetof(struct msg_read_job, evidence) == 0 && offsetof(struct msg_list_jobs, evidence) == 0 &&
                  offsetof(struct msg_cancel, evidence) == 0 && offsetof(struct msg_signal, evidence) == 0 &&
                  offsetof(struct msg_read_metrics, evidence) == 0 && offsetof(struct msg_follow, evidence) == 0 &&
                  offsetof(struct msg_drain, evidence) == 0 && offsetof(struct msg_list_commands, evidence) == 0 &&
                  offsetof(struct msg_pause, evidence) == 0 && offsetof(struct msg_list_callbacks, evidence) == 0 &&
                  offsetof(struct msg_redeliver, evidence) == 0 && offsetof(struct msg_list_callers, evidence) == 0 &&
                  offsetof(struct msg_stdin, evidence) == 0 && offsetof(struct msg_login, evidence) == 0 &&
                  offsetof(struct msg_hook, evidence) == 0 && offsetof(struct msg_hook_run, evidence) == 0 &&
                  offsetof(struct msg_list_hook_deliveries, evidence) == 0 &&
                  offsetof(struct msg_hook_redeliver, evidence) == 0 &&
                  offsetof(struct msg_list_functions, evidence) == 0 &&
                  offsetof(struct msg_change_functions, evidence) == 0,
              "evidence comes first");

/* Takes the next one when the message speaks of it. */
static bool next_fd(const struct message *message, bool is_wanted, unsigned *count, int *ret_fd)
{
    *ret_fd = -1;
    if (!is_wanted)
        return true;
    if (message->fd_count <= *count)
        return false;
    *ret_fd = message->fds[(*count)++];
    return true;
}

/* The descriptors must be the ones that the message speaks of: a connection, then standard input, then files. */
static bool sort_fds(const struct message *message, int *ret_connection_fd, int *ret_stdin_fd, int *ret_files_fd)
{
    const struct evidence *evidence = &message->body.whoami.evidence;
    bool is_submit = message->type == MSG_SUBMIT || message->type == MSG_CALL;
    bool has_bytes =
        is_submit ? message->body.submit.has_stdin : message->type == MSG_STDIN && message->body.stdin_chunk.has_bytes;
    unsigned count = 0;
    return next_fd(message, evidence->kind == EVIDENCE_PEER, &count, ret_connection_fd) &&
           next_fd(message, has_bytes, &count, ret_stdin_fd) &&
           next_fd(message, is_submit && message->body.submit.has_files, &count, ret_files_fd) &&
           message->fd_count == count;
}

/* The one thing that can be had without a caller, where the owner wants that: a loopback listener for metrics alone. */
static bool is_for_everybody(const struct keeper *keeper, const struct message *message)
{
    return message->type == MSG_READ_METRICS && message->body.read_metrics.is_open &&
           keeper->rules.settings.has_metrics_listener;
}

/* Who asks for a credential has none to show. */
static bool is_login(struct keeper *keeper, const struct request *request, const struct message *message)
{
    if (message->type != MSG_LOGIN)
        return false;
    if (request->evidence->kind == EVIDENCE_NONE && request->evidence->secret.size == 0)
        answer_login(keeper, request, message);
    else
        peer_break(&keeper->front, "a login with evidence");
    return true;
}

/* A token, and an address to count it for. Who comes over a unix socket has none, and is no stranger to this host. */
static bool is_counted(const struct evidence *evidence, struct ip *ret_ip, struct span *ret_secret)
{
    struct span name;
    return (evidence->kind == EVIDENCE_BEARER || evidence->kind == EVIDENCE_BASIC) &&
           evidence_secret(evidence, &name, ret_secret) && ip_of_address(evidence->address, ret_ip);
}

/* Before anything is looked up, so a right token gets the same answer. True: it is on its way. */
static bool throttle_unknown(struct keeper *keeper, const struct request *request)
{
    struct ip ip;
    struct span secret;
    if (!is_counted(request->evidence, &ip, &secret))
        return false;
    uint64_t left_ms = throttle_left_ms(&keeper->throttle, &ip, secret, clock_monotonic_ms());
    if (left_ms == 0)
        return false;
    metrics_note_auth_failure(keeper, AUTH_BEARER_THROTTLED);
    request_refuse(keeper, request,
                   &(struct refusal){ .status = 429,
                                      .code = "rate-limited",
                                      .retry_after_s = request_retry_after_s(0, left_ms),
                                      .remark = "throttled: too many wrong tokens from this address" },
                   "too many wrong tokens came from this address; try again later");
    return true;
}

static void refuse_unknown(struct keeper *keeper, const struct request *request)
{
    struct ip ip;
    struct span secret;
    if (is_counted(request->evidence, &ip, &secret))
        throttle_note(&keeper->throttle, &ip, secret, clock_monotonic_ms());
    const struct caller *known;
    enum auth_failure why = authorize_failure(&keeper->rules, request->evidence, clock_unix_ms(), &known);
    char remark[REFUSALS_REMARK_BYTES] = "unauthenticated";
    if (known != NULL) /* whoever shows a right secret is told no more than others; its owner is */
        snprintf(remark, sizeof remark, "unauthenticated: token '%s' %s", known->name,
                 why == AUTH_BEARER_EXPIRED ? "has expired" : "is not taken from this address");
    metrics_note_auth_failure(keeper, why);
    request_refuse(keeper, request, &(struct refusal){ .status = 401, .code = "unauthenticated", .remark = remark },
                   "no credential that is known here, or one that has expired");
}

static void answer_request(struct keeper *keeper, const struct message *message, struct intake *intake)
{
    const struct answer *answer = &answers[message->type];
    struct request request = {
        .id = message->request_id, .type = message->type, .intake = intake, .evidence = &message->body.whoami.evidence
    };
    int connection_fd;
    if (!sort_fds(message, &connection_fd, &request.stdin_fd, &request.files_fd)) {
        peer_break(&keeper->front, "descriptors that its message does not speak of");
        return;
    }
    if (is_login(keeper, &request, message) || (intake == NULL && throttle_unknown(keeper, &request)))
        return;
    request.who = request.evidence->kind == EVIDENCE_SESSION
                      ? sessions_authorize(keeper, request.evidence)
                      : authorize(&keeper->rules, request.evidence, connection_fd, clock_unix_ms());
    if (request.who == NULL && !is_for_everybody(keeper, message))
        refuse_unknown(keeper, &request);
    else if ((answer->phases & (keeper->shutdown.is_on ? PHASE_STOPPING : PHASE_SERVING)) == 0)
        request_refuse(keeper, &request, &(struct refusal){ .status = 503, .code = "draining", .retry_after_s = 10 },
                       "the service is stopping and takes no new work");
    else {
        if (request.who != NULL)
            last_uses_note(keeper, request.who);
        answer->run(keeper, &request, message);
    }
}

void front_take(struct keeper *keeper, struct message *message)
{
    if (message->type == MSG_UNWATCH) {
        call_abandon(keeper, message->request_id);
        watch_remove(keeper, message->request_id);
        feed_remove(keeper, message->request_id);
    } else if (message->type == MSG_HOOK) { /* these two show no credential: a body proves itself */
        hook_take(keeper, message);
    } else if (message->type == MSG_HOOK_RUN) {
        hook_run(keeper, message);
    } else if (answers[message->type].run != NULL) {
        answer_request(keeper, message, NULL);
    } else {
        peer_break(&keeper->front, "a message that it may not send");
    }
}

void front_take_again(struct keeper *keeper, const struct message *message, struct intake *intake)
{
    answer_request(keeper, message, intake);
}
